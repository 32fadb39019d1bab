# Copyright: Contributors to the progressive.delivery collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What answers for the ready pods of an embedded lab: HTTP on a loopback address of each pod's own.

Private to this collection. Pure: `behaviour` (how a pod answers), `pods` (what is known of it). With IO:
`server` (the sockets), `main` (the program). `metrics` counts. Of `_lab` it uses the mirror of the cluster
and the addresses of pods.
"""

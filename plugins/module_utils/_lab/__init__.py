# Copyright: Contributors to the progressive.delivery collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The embedded lab: a Kubernetes control plane as local processes.

Private to this collection. Everything here may do IO; nothing here knows Ansible.
Dependencies point one way: `lab` -> `control_plane`, `cluster_objects` -> `processes`, `pki`,
`api` -> `paths`, `errors`; `tools` builds what `lab` runs and shares only `paths` and `errors`.
"""

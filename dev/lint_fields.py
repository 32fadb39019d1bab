# Copyright: Contributors to the progressive.delivery collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Write ``_lint/fields.py``: the fields of the Go types that the controller decodes objects into.

    python dev/lint_fields.py

It needs a Go that can build the lab's controller, and compiles for a minute. REQUIRED is what the CRDs require.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import tempfile
import textwrap
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
MODULE = ROOT / "roles" / "embedded_cluster" / "files" / "tools" / "argo_rollouts"
TARGET = ROOT / "plugins" / "module_utils" / "_lint" / "fields.py"

PROGRAM = """
package main

import (
    "fmt"
    "reflect"
    "strings"

    "github.com/argoproj/argo-rollouts/pkg/apis/rollouts/v1alpha1"
    corev1 "k8s.io/api/core/v1"
    networkingv1 "k8s.io/api/networking/v1"
)

var special = map[string]string{
    "IntOrString": "intstr", "Quantity": "quantity", "Time": "string", "MicroTime": "string", "Duration": "string",
    "FieldsV1": "any", "RawExtension": "any", "RawMessage": "any", "Value": "any",
}
var seen = map[reflect.Type]bool{}

func name(t reflect.Type) string {
    if found, ok := special[t.Name()]; ok {
        return found
    }
    switch t.Kind() {
    case reflect.Ptr:
        return name(t.Elem())
    case reflect.Slice:
        if t.Elem().Kind() == reflect.Uint8 {
            return "string"
        }
        return "[]" + name(t.Elem())
    case reflect.Map:
        return "{}" + name(t.Elem())
    case reflect.Struct:
        show(t)
        return t.Name()
    case reflect.String, reflect.Bool:
        return t.Kind().String()
    case reflect.Interface:
        return "any"
    }
    return "int"
}

func fields(t reflect.Type) []string {
    words := []string{}
    for i := 0; i < t.NumField(); i++ {
        field := t.Field(i)
        tag := strings.Split(field.Tag.Get("json"), ",")[0]
        kind := field.Type
        for kind.Kind() == reflect.Ptr {
            kind = kind.Elem()
        }
        if tag == "" && kind.Kind() == reflect.Struct {
            words = append(words, fields(kind)...)
        } else if tag == "status" {
            words = append(words, "status:any")
        } else if tag != "-" {
            words = append(words, tag+":"+name(field.Type))
        }
    }
    return words
}

func show(t reflect.Type) {
    if !seen[t] {
        seen[t] = true
        fmt.Println(t.Name() + " " + strings.Join(fields(t), " "))
    }
}

func main() {
    for _, root := range []any{
        v1alpha1.Rollout{}, v1alpha1.AnalysisTemplate{}, v1alpha1.ClusterAnalysisTemplate{}, v1alpha1.AnalysisRun{},
        v1alpha1.Experiment{}, corev1.Service{}, networkingv1.Ingress{},
    } {
        show(reflect.TypeOf(root))
    }
}
"""

REQUIRED = {
    "ALBTrafficRouting": "servicePort",
    "AmbassadorTrafficRouting": "mappings",
    "AnalysisRun": "spec",
    "AnalysisRunArgument": "name",
    "AnalysisTemplate": "spec",
    "ApisixRoute": "name",
    "AppMeshVirtualNodeGroup": "canaryVirtualNodeRef stableVirtualNodeRef",
    "AppMeshVirtualNodeReference": "name",
    "AppMeshVirtualService": "name",
    "Argument": "name",
    "BlueGreenStrategy": "activeService",
    "CloudWatchMetric": "metricDataQueries",
    "ClusterAnalysisTemplate": "spec",
    "DryRun": "metricName",
    "Experiment": "spec",
    "ExperimentAnalysisTemplateRef": "name templateName",
    "ExperimentSpec": "templates",
    "FieldRef": "fieldPath",
    "HeaderRoutingMatch": "headerName headerValue",
    "IstioDestinationRule": "canarySubsetName name stableSubsetName",
    "IstioVirtualService": "name",
    "JobMetric": "spec",
    "KayentaMetric": (
        "address application canaryConfigName configurationAccountName "
        "metricsAccountName scopes storageAccountName threshold"
    ),
    "KayentaScope": "controlScope experimentScope name",
    "KayentaThreshold": "marginal pass",
    "LabelSelectorRequirement": "key operator",
    "MangedRoutes": "name",
    "MeasurementRetention": "limit metricName",
    "Metric": "name provider",
    "NewRelicMetric": "query",
    "PingPongSpec": "pingService pongService",
    "PluginStep": "name",
    "PreferredDuringSchedulingIgnoredDuringExecution": "weight",
    "ReplicaProgressThreshold": "type value",
    "Rollout": "spec",
    "RolloutExperimentStep": "templates",
    "RolloutExperimentStepAnalysisTemplateRef": "name templateName",
    "RolloutExperimentTemplate": "name specRef",
    "ScopeDetail": "region scope step",
    "SecretKeyRef": "key name",
    "SetMirrorRoute": "name",
    "StickinessConfig": "durationSeconds enabled",
    "TemplateSpec": "name selector template",
    "TraefikTrafficRouting": "weightedTraefikServiceName",
    "WebMetric": "url",
    "WebMetricHeader": "key value",
}


def main() -> None:
    types = {name: fields.split() for name, _sep, fields in (line.partition(" ") for line in _printed().splitlines())}
    lines = [line for name in sorted(types) for line in _entry(name, types[name])]
    head, opening, _sep = TARGET.read_text(encoding="utf-8").partition("FIELDS: Mapping[str, str] = {\n")
    TARGET.write_text("\n".join([f"{head}{opening}".rstrip(), *lines, "}", ""]), encoding="utf-8")


def _printed() -> str:
    """What the program prints; it is compiled with the very versions of the lab's controller."""
    with tempfile.TemporaryDirectory() as folder:
        for file in ("go.mod", "go.sum"):
            shutil.copy(MODULE / file, folder)
        Path(folder, "main.go").write_text(PROGRAM, encoding="utf-8")
        command = ["go", "run", "-mod=mod", "."]
        return subprocess.run(command, cwd=folder, stdout=subprocess.PIPE, text=True, check=True).stdout


def _entry(name: str, fields: list[str]) -> list[str]:
    required = REQUIRED.get(name, "").split()
    marked = sorted(re.sub(r"^(\w+):", lambda f: f"{f[1]}{'!' * (f[1] in required)}:", field) for field in fields)
    text = " ".join(marked)
    if len(name) + len(text) <= 109:
        return [f'    "{name}": "{text}",']
    parts = textwrap.wrap(text, width=109, break_long_words=False, break_on_hyphens=False)
    return [f'    "{name}": (', *(f'        "{part} "' for part in parts[:-1]), f'        "{parts[-1]}"', "    ),"]


if __name__ == "__main__":
    main()

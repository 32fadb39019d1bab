// Modules that charts and CRDs are read from at run time; nothing is built of them.
module progressive.delivery/tests/charts

go 1.26.0

require (
	github.com/prometheus-operator/prometheus-operator v0.85.0
	istio.io/istio v0.0.0-20260827124520-eed52ebb66ad
	k8s.io/ingress-nginx v0.0.0-20240708192948-52c50467d67d
)

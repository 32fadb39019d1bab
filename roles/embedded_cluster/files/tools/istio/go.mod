module progressive.delivery/tools/istio

go 1.26.0

require istio.io/api v1.31.1

# Copyright: Contributors to the progressive.delivery collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Every field of the objects that are checked, and what it holds: those of Argo Rollouts v1.10.

The names are those of the Go types that the controller and its plugin decode objects into, pods, Services and
Ingresses of Kubernetes v1.34 among them; what they do not know, they drop. Written by ``dev/lint_fields.py``.
"""

from __future__ import annotations

from collections.abc import Mapping

# By type: fields as ``name:type``, those that the CRD requires as ``name!:type``. ``[]`` is a list and ``{}`` a mapping
# of what follows; ``intstr`` a number or text, ``quantity`` one such as 500m; ``any`` is not looked into.
FIELDS: Mapping[str, str] = {
    "ALBTrafficRouting": (
        "annotationPrefix:string ingress:string ingresses:[]string rootService:string servicePort!:int "
        "stickinessConfig:StickinessConfig"
    ),
    "AWSElasticBlockStoreVolumeSource": "fsType:string partition:int readOnly:bool volumeID:string",
    "Affinity": "nodeAffinity:NodeAffinity podAffinity:PodAffinity podAntiAffinity:PodAntiAffinity",
    "AmbassadorTrafficRouting": "mappings!:[]string",
    "AnalysisRun": "apiVersion:string kind:string metadata:ObjectMeta spec!:AnalysisRunSpec status:any",
    "AnalysisRunArgument": "name!:string value:string valueFrom:ArgumentValueFrom",
    "AnalysisRunMetadata": "annotations:{}string labels:{}string",
    "AnalysisRunSpec": (
        "args:[]Argument dryRun:[]DryRun measurementRetention:[]MeasurementRetention metrics:[]Metric terminate:bool "
        "ttlStrategy:TTLStrategy"
    ),
    "AnalysisRunStrategy": "successfulRunHistoryLimit:int unsuccessfulRunHistoryLimit:int",
    "AnalysisTemplate": "apiVersion:string kind:string metadata:ObjectMeta spec!:AnalysisTemplateSpec",
    "AnalysisTemplateRef": "clusterScope:bool templateName:string",
    "AnalysisTemplateSpec": (
        "args:[]Argument dryRun:[]DryRun measurementRetention:[]MeasurementRetention metrics:[]Metric "
        "templates:[]AnalysisTemplateRef"
    ),
    "AntiAffinity": (
        "preferredDuringSchedulingIgnoredDuringExecution:PreferredDuringSchedulingIgnoredDuringExecution "
        "requiredDuringSchedulingIgnoredDuringExecution:RequiredDuringSchedulingIgnoredDuringExecution"
    ),
    "ApisixRoute": "name!:string rules:[]string",
    "ApisixTrafficRouting": "route:ApisixRoute",
    "AppArmorProfile": "localhostProfile:string type:string",
    "AppMeshTrafficRouting": "virtualNodeGroup:AppMeshVirtualNodeGroup virtualService:AppMeshVirtualService",
    "AppMeshVirtualNodeGroup": (
        "canaryVirtualNodeRef!:AppMeshVirtualNodeReference stableVirtualNodeRef!:AppMeshVirtualNodeReference"
    ),
    "AppMeshVirtualNodeReference": "name!:string",
    "AppMeshVirtualService": "name!:string routes:[]string",
    "Argument": "name!:string value:string valueFrom:ValueFrom",
    "ArgumentValueFrom": "fieldRef:FieldRef podTemplateHashValue:string",
    "Authentication": "oauth2:OAuth2Config sigv4:Sigv4Config",
    "AzureDiskVolumeSource": (
        "cachingMode:string diskName:string diskURI:string fsType:string kind:string readOnly:bool"
    ),
    "AzureFileVolumeSource": "readOnly:bool secretName:string shareName:string",
    "BlueGreenStrategy": (
        "abortScaleDownDelaySeconds:int activeMetadata:PodTemplateMetadata activeService!:string "
        "antiAffinity:AntiAffinity autoPromotionEnabled:bool autoPromotionSeconds:int maxUnavailable:intstr "
        "postPromotionAnalysis:RolloutAnalysis prePromotionAnalysis:RolloutAnalysis "
        "previewMetadata:PodTemplateMetadata previewReplicaCount:int previewService:string "
        "scaleDownDelayRevisionLimit:int scaleDownDelaySeconds:int"
    ),
    "CSIVolumeSource": (
        "driver:string fsType:string nodePublishSecretRef:LocalObjectReference readOnly:bool volumeAttributes:{}string"
    ),
    "CanaryStep": (
        "analysis:RolloutAnalysis experiment:RolloutExperimentStep pause:RolloutPause plugin:PluginStep "
        "setCanaryScale:SetCanaryScale setHeaderRoute:SetHeaderRoute setMirrorRoute:SetMirrorRoute setWeight:int"
    ),
    "CanaryStrategy": (
        "abortScaleDownDelaySeconds:int analysis:RolloutAnalysisBackground antiAffinity:AntiAffinity "
        "canaryMetadata:PodTemplateMetadata canaryService:string dynamicStableScale:bool maxSurge:intstr "
        "maxUnavailable:intstr minPodsPerReplicaSet:int pingPong:PingPongSpec "
        "replicaProgressThreshold:ReplicaProgressThreshold scaleDownDelayRevisionLimit:int scaleDownDelaySeconds:int "
        "stableMetadata:PodTemplateMetadata stableService:string steps:[]CanaryStep "
        "trafficRouting:RolloutTrafficRouting"
    ),
    "Capabilities": "add:[]string drop:[]string",
    "CephFSVolumeSource": (
        "monitors:[]string path:string readOnly:bool secretFile:string secretRef:LocalObjectReference user:string"
    ),
    "CinderVolumeSource": "fsType:string readOnly:bool secretRef:LocalObjectReference volumeID:string",
    "ClientIPConfig": "timeoutSeconds:int",
    "CloudWatchMetric": "interval:string metricDataQueries!:[]CloudWatchMetricDataQuery",
    "CloudWatchMetricDataQuery": (
        "expression:string id:string label:string metricStat:CloudWatchMetricStat period:intstr returnData:bool"
    ),
    "CloudWatchMetricStat": "metric:CloudWatchMetricStatMetric period:intstr stat:string unit:string",
    "CloudWatchMetricStatMetric": "dimensions:[]CloudWatchMetricStatMetricDimension metricName:string namespace:string",
    "CloudWatchMetricStatMetricDimension": "name:string value:string",
    "ClusterAnalysisTemplate": "apiVersion:string kind:string metadata:ObjectMeta spec!:AnalysisTemplateSpec",
    "ClusterTrustBundleProjection": (
        "labelSelector:LabelSelector name:string optional:bool path:string signerName:string"
    ),
    "ConfigMapEnvSource": "name:string optional:bool",
    "ConfigMapKeySelector": "key:string name:string optional:bool",
    "ConfigMapProjection": "items:[]KeyToPath name:string optional:bool",
    "ConfigMapVolumeSource": "defaultMode:int items:[]KeyToPath name:string optional:bool",
    "Container": (
        "args:[]string command:[]string env:[]EnvVar envFrom:[]EnvFromSource image:string imagePullPolicy:string "
        "lifecycle:Lifecycle livenessProbe:Probe name:string ports:[]ContainerPort readinessProbe:Probe "
        "resizePolicy:[]ContainerResizePolicy resources:ResourceRequirements restartPolicy:string "
        "restartPolicyRules:[]ContainerRestartRule securityContext:SecurityContext startupProbe:Probe stdin:bool "
        "stdinOnce:bool terminationMessagePath:string terminationMessagePolicy:string tty:bool "
        "volumeDevices:[]VolumeDevice volumeMounts:[]VolumeMount workingDir:string"
    ),
    "ContainerPort": "containerPort:int hostIP:string hostPort:int name:string protocol:string",
    "ContainerResizePolicy": "resourceName:string restartPolicy:string",
    "ContainerRestartRule": "action:string exitCodes:ContainerRestartRuleOnExitCodes",
    "ContainerRestartRuleOnExitCodes": "operator:string values:[]int",
    "DatadogMetric": (
        "aggregator:string apiVersion:string formula:string interval:string queries:{}string query:string "
        "requestTimeout:string secretRef:SecretRef"
    ),
    "DownwardAPIProjection": "items:[]DownwardAPIVolumeFile",
    "DownwardAPIVolumeFile": "fieldRef:ObjectFieldSelector mode:int path:string resourceFieldRef:ResourceFieldSelector",
    "DownwardAPIVolumeSource": "defaultMode:int items:[]DownwardAPIVolumeFile",
    "DryRun": "metricName!:string",
    "EmptyDirVolumeSource": "medium:string sizeLimit:quantity",
    "EnvFromSource": "configMapRef:ConfigMapEnvSource prefix:string secretRef:SecretEnvSource",
    "EnvVar": "name:string value:string valueFrom:EnvVarSource",
    "EnvVarSource": (
        "configMapKeyRef:ConfigMapKeySelector fieldRef:ObjectFieldSelector fileKeyRef:FileKeySelector "
        "resourceFieldRef:ResourceFieldSelector secretKeyRef:SecretKeySelector"
    ),
    "EphemeralContainer": (
        "args:[]string command:[]string env:[]EnvVar envFrom:[]EnvFromSource image:string imagePullPolicy:string "
        "lifecycle:Lifecycle livenessProbe:Probe name:string ports:[]ContainerPort readinessProbe:Probe "
        "resizePolicy:[]ContainerResizePolicy resources:ResourceRequirements restartPolicy:string "
        "restartPolicyRules:[]ContainerRestartRule securityContext:SecurityContext startupProbe:Probe stdin:bool "
        "stdinOnce:bool targetContainerName:string terminationMessagePath:string terminationMessagePolicy:string "
        "tty:bool volumeDevices:[]VolumeDevice volumeMounts:[]VolumeMount workingDir:string"
    ),
    "EphemeralVolumeSource": "volumeClaimTemplate:PersistentVolumeClaimTemplate",
    "ExecAction": "command:[]string",
    "Experiment": "apiVersion:string kind:string metadata:ObjectMeta spec!:ExperimentSpec status:any",
    "ExperimentAnalysisTemplateRef": (
        "args:[]Argument clusterScope:bool name!:string requiredForCompletion:bool templateName!:string"
    ),
    "ExperimentSpec": (
        "analyses:[]ExperimentAnalysisTemplateRef analysisRunMetadata:AnalysisRunMetadata dryRun:[]DryRun "
        "duration:string measurementRetention:[]MeasurementRetention progressDeadlineSeconds:int "
        "scaleDownDelaySeconds:int templates!:[]TemplateSpec terminate:bool"
    ),
    "FCVolumeSource": "fsType:string lun:int readOnly:bool targetWWNs:[]string wwids:[]string",
    "FieldRef": "fieldPath!:string",
    "FileKeySelector": "key:string optional:bool path:string volumeName:string",
    "FlexVolumeSource": "driver:string fsType:string options:{}string readOnly:bool secretRef:LocalObjectReference",
    "FlockerVolumeSource": "datasetName:string datasetUUID:string",
    "GCEPersistentDiskVolumeSource": "fsType:string partition:int pdName:string readOnly:bool",
    "GRPCAction": "port:int service:string",
    "GitRepoVolumeSource": "directory:string repository:string revision:string",
    "GlusterfsVolumeSource": "endpoints:string path:string readOnly:bool",
    "GraphiteMetric": "address:string query:string",
    "HTTPGetAction": "host:string httpHeaders:[]HTTPHeader path:string port:intstr scheme:string",
    "HTTPHeader": "name:string value:string",
    "HTTPIngressPath": "backend:IngressBackend path:string pathType:string",
    "HTTPIngressRuleValue": "paths:[]HTTPIngressPath",
    "HeaderRoutingMatch": "headerName!:string headerValue!:StringMatch",
    "HostAlias": "hostnames:[]string ip:string",
    "HostPathVolumeSource": "path:string type:string",
    "ISCSIVolumeSource": (
        "chapAuthDiscovery:bool chapAuthSession:bool fsType:string initiatorName:string iqn:string "
        "iscsiInterface:string lun:int portals:[]string readOnly:bool secretRef:LocalObjectReference "
        "targetPortal:string"
    ),
    "ImageVolumeSource": "pullPolicy:string reference:string",
    "InfluxdbMetric": "profile:string query:string",
    "Ingress": "apiVersion:string kind:string metadata:ObjectMeta spec:IngressSpec status:any",
    "IngressBackend": "resource:TypedLocalObjectReference service:IngressServiceBackend",
    "IngressRule": "host:string http:HTTPIngressRuleValue",
    "IngressServiceBackend": "name:string port:ServiceBackendPort",
    "IngressSpec": "defaultBackend:IngressBackend ingressClassName:string rules:[]IngressRule tls:[]IngressTLS",
    "IngressTLS": "hosts:[]string secretName:string",
    "IstioDestinationRule": (
        "additionalSubsetNames:[]string canarySubsetName!:string name!:string stableSubsetName!:string"
    ),
    "IstioTrafficRouting": (
        "destinationRule:IstioDestinationRule virtualService:IstioVirtualService virtualServices:[]IstioVirtualService"
    ),
    "IstioVirtualService": "name!:string routes:[]string tcpRoutes:[]TCPRoute tlsRoutes:[]TLSRoute",
    "JobMetric": "metadata:ObjectMeta spec!:JobSpec",
    "JobSpec": (
        "activeDeadlineSeconds:int backoffLimit:int backoffLimitPerIndex:int completionMode:string completions:int "
        "managedBy:string manualSelector:bool maxFailedIndexes:int parallelism:int podFailurePolicy:PodFailurePolicy "
        "podReplacementPolicy:string selector:LabelSelector successPolicy:SuccessPolicy suspend:bool "
        "template:PodTemplateSpec ttlSecondsAfterFinished:int"
    ),
    "KayentaMetric": (
        "address!:string application!:string canaryConfigName!:string configurationAccountName!:string lookback:bool "
        "metricsAccountName!:string scopes!:[]KayentaScope storageAccountName!:string threshold!:KayentaThreshold"
    ),
    "KayentaScope": "controlScope!:ScopeDetail experimentScope!:ScopeDetail name!:string",
    "KayentaThreshold": "marginal!:int pass!:int",
    "KeyToPath": "key:string mode:int path:string",
    "LabelSelector": "matchExpressions:[]LabelSelectorRequirement matchLabels:{}string",
    "LabelSelectorRequirement": "key!:string operator!:string values:[]string",
    "Lifecycle": "postStart:LifecycleHandler preStop:LifecycleHandler stopSignal:string",
    "LifecycleHandler": "exec:ExecAction httpGet:HTTPGetAction sleep:SleepAction tcpSocket:TCPSocketAction",
    "LocalObjectReference": "name:string",
    "ManagedFieldsEntry": (
        "apiVersion:string fieldsType:string fieldsV1:any manager:string operation:string subresource:string "
        "time:string"
    ),
    "MangedRoutes": "name!:string",
    "MeasurementRetention": "limit!:int metricName!:string",
    "Metric": (
        "consecutiveErrorLimit:intstr consecutiveSuccessLimit:intstr count:intstr failureCondition:string "
        "failureLimit:intstr inconclusiveLimit:intstr initialDelay:string interval:string name!:string "
        "provider!:MetricProvider successCondition:string"
    ),
    "MetricProvider": (
        "cloudWatch:CloudWatchMetric datadog:DatadogMetric graphite:GraphiteMetric influxdb:InfluxdbMetric "
        "job:JobMetric kayenta:KayentaMetric newRelic:NewRelicMetric plugin:{}any prometheus:PrometheusMetric "
        "skywalking:SkyWalkingMetric wavefront:WavefrontMetric web:WebMetric"
    ),
    "NFSVolumeSource": "path:string readOnly:bool server:string",
    "NewRelicMetric": "profile:string query!:string timeout:int",
    "NginxTrafficRouting": (
        "additionalIngressAnnotations:{}string annotationPrefix:string canaryIngressAnnotations:{}string "
        "stableIngress:string stableIngresses:[]string"
    ),
    "NodeAffinity": (
        "preferredDuringSchedulingIgnoredDuringExecution:[]PreferredSchedulingTerm "
        "requiredDuringSchedulingIgnoredDuringExecution:NodeSelector"
    ),
    "NodeSelector": "nodeSelectorTerms:[]NodeSelectorTerm",
    "NodeSelectorRequirement": "key:string operator:string values:[]string",
    "NodeSelectorTerm": "matchExpressions:[]NodeSelectorRequirement matchFields:[]NodeSelectorRequirement",
    "OAuth2Config": "clientId:string clientSecret:string scopes:[]string tokenUrl:string",
    "ObjectFieldSelector": "apiVersion:string fieldPath:string",
    "ObjectMeta": (
        "annotations:{}string creationTimestamp:string deletionGracePeriodSeconds:int deletionTimestamp:string "
        "finalizers:[]string generateName:string generation:int labels:{}string managedFields:[]ManagedFieldsEntry "
        "name:string namespace:string ownerReferences:[]OwnerReference resourceVersion:string selfLink:string "
        "uid:string"
    ),
    "ObjectRef": "apiVersion:string kind:string name:string scaleDown:string",
    "OwnerReference": "apiVersion:string blockOwnerDeletion:bool controller:bool kind:string name:string uid:string",
    "PersistentVolumeClaimSpec": (
        "accessModes:[]string dataSource:TypedLocalObjectReference dataSourceRef:TypedObjectReference "
        "resources:VolumeResourceRequirements selector:LabelSelector storageClassName:string "
        "volumeAttributesClassName:string volumeMode:string volumeName:string"
    ),
    "PersistentVolumeClaimTemplate": "metadata:ObjectMeta spec:PersistentVolumeClaimSpec",
    "PersistentVolumeClaimVolumeSource": "claimName:string readOnly:bool",
    "PhotonPersistentDiskVolumeSource": "fsType:string pdID:string",
    "PingPongSpec": "pingService!:string pongService!:string",
    "PluginStep": "config:any name!:string",
    "PodAffinity": (
        "preferredDuringSchedulingIgnoredDuringExecution:[]WeightedPodAffinityTerm "
        "requiredDuringSchedulingIgnoredDuringExecution:[]PodAffinityTerm"
    ),
    "PodAffinityTerm": (
        "labelSelector:LabelSelector matchLabelKeys:[]string mismatchLabelKeys:[]string "
        "namespaceSelector:LabelSelector namespaces:[]string topologyKey:string"
    ),
    "PodAntiAffinity": (
        "preferredDuringSchedulingIgnoredDuringExecution:[]WeightedPodAffinityTerm "
        "requiredDuringSchedulingIgnoredDuringExecution:[]PodAffinityTerm"
    ),
    "PodCertificateProjection": (
        "certificateChainPath:string credentialBundlePath:string keyPath:string keyType:string "
        "maxExpirationSeconds:int signerName:string"
    ),
    "PodDNSConfig": "nameservers:[]string options:[]PodDNSConfigOption searches:[]string",
    "PodDNSConfigOption": "name:string value:string",
    "PodFailurePolicy": "rules:[]PodFailurePolicyRule",
    "PodFailurePolicyOnExitCodesRequirement": "containerName:string operator:string values:[]int",
    "PodFailurePolicyOnPodConditionsPattern": "status:any type:string",
    "PodFailurePolicyRule": (
        "action:string onExitCodes:PodFailurePolicyOnExitCodesRequirement "
        "onPodConditions:[]PodFailurePolicyOnPodConditionsPattern"
    ),
    "PodOS": "name:string",
    "PodReadinessGate": "conditionType:string",
    "PodResourceClaim": "name:string resourceClaimName:string resourceClaimTemplateName:string",
    "PodSchedulingGate": "name:string",
    "PodSecurityContext": (
        "appArmorProfile:AppArmorProfile fsGroup:int fsGroupChangePolicy:string runAsGroup:int runAsNonRoot:bool "
        "runAsUser:int seLinuxChangePolicy:string seLinuxOptions:SELinuxOptions seccompProfile:SeccompProfile "
        "supplementalGroups:[]int supplementalGroupsPolicy:string sysctls:[]Sysctl "
        "windowsOptions:WindowsSecurityContextOptions"
    ),
    "PodSpec": (
        "activeDeadlineSeconds:int affinity:Affinity automountServiceAccountToken:bool containers:[]Container "
        "dnsConfig:PodDNSConfig dnsPolicy:string enableServiceLinks:bool ephemeralContainers:[]EphemeralContainer "
        "hostAliases:[]HostAlias hostIPC:bool hostNetwork:bool hostPID:bool hostUsers:bool hostname:string "
        "hostnameOverride:string imagePullSecrets:[]LocalObjectReference initContainers:[]Container nodeName:string "
        "nodeSelector:{}string os:PodOS overhead:{}quantity preemptionPolicy:string priority:int "
        "priorityClassName:string readinessGates:[]PodReadinessGate resourceClaims:[]PodResourceClaim "
        "resources:ResourceRequirements restartPolicy:string runtimeClassName:string schedulerName:string "
        "schedulingGates:[]PodSchedulingGate securityContext:PodSecurityContext serviceAccount:string "
        "serviceAccountName:string setHostnameAsFQDN:bool shareProcessNamespace:bool subdomain:string "
        "terminationGracePeriodSeconds:int tolerations:[]Toleration "
        "topologySpreadConstraints:[]TopologySpreadConstraint volumes:[]Volume"
    ),
    "PodTemplateMetadata": "annotations:{}string labels:{}string",
    "PodTemplateSpec": "metadata:ObjectMeta spec:PodSpec",
    "PortworxVolumeSource": "fsType:string readOnly:bool volumeID:string",
    "PreferredDuringSchedulingIgnoredDuringExecution": "weight!:int",
    "PreferredSchedulingTerm": "preference:NodeSelectorTerm weight:int",
    "Probe": (
        "exec:ExecAction failureThreshold:int grpc:GRPCAction httpGet:HTTPGetAction initialDelaySeconds:int "
        "periodSeconds:int successThreshold:int tcpSocket:TCPSocketAction terminationGracePeriodSeconds:int "
        "timeoutSeconds:int"
    ),
    "ProjectedVolumeSource": "defaultMode:int sources:[]VolumeProjection",
    "PrometheusMetric": (
        "address:string authentication:Authentication headers:[]WebMetricHeader insecure:bool query:string "
        "rangeQuery:PrometheusRangeQueryArgs timeout:int"
    ),
    "PrometheusRangeQueryArgs": "end:string start:string step:string",
    "QuobyteVolumeSource": "group:string readOnly:bool registry:string tenant:string user:string volume:string",
    "RBDVolumeSource": (
        "fsType:string image:string keyring:string monitors:[]string pool:string readOnly:bool "
        "secretRef:LocalObjectReference user:string"
    ),
    "ReplicaProgressThreshold": "type!:string value!:int",
    "RequiredDuringSchedulingIgnoredDuringExecution": "",
    "ResourceClaim": "name:string request:string",
    "ResourceFieldSelector": "containerName:string divisor:quantity resource:string",
    "ResourceRequirements": "claims:[]ResourceClaim limits:{}quantity requests:{}quantity",
    "RollbackWindowSpec": "revisions:int",
    "Rollout": "apiVersion:string kind:string metadata:ObjectMeta spec!:RolloutSpec status:any",
    "RolloutAnalysis": (
        "analysisRunMetadata:AnalysisRunMetadata args:[]AnalysisRunArgument dryRun:[]DryRun "
        "measurementRetention:[]MeasurementRetention templates:[]AnalysisTemplateRef"
    ),
    "RolloutAnalysisBackground": (
        "analysisRunMetadata:AnalysisRunMetadata args:[]AnalysisRunArgument dryRun:[]DryRun "
        "measurementRetention:[]MeasurementRetention startingStep:int templates:[]AnalysisTemplateRef"
    ),
    "RolloutExperimentStep": (
        "analyses:[]RolloutExperimentStepAnalysisTemplateRef analysisRunMetadata:AnalysisRunMetadata dryRun:[]DryRun "
        "duration:string scaleDownDelaySeconds:int templates!:[]RolloutExperimentTemplate"
    ),
    "RolloutExperimentStepAnalysisTemplateRef": (
        "args:[]AnalysisRunArgument clusterScope:bool name!:string requiredForCompletion:bool templateName!:string"
    ),
    "RolloutExperimentTemplate": (
        "metadata:PodTemplateMetadata name!:string replicas:int selector:LabelSelector service:TemplateService "
        "specRef!:string weight:int"
    ),
    "RolloutPause": "duration:intstr",
    "RolloutSpec": (
        "analysis:AnalysisRunStrategy minReadySeconds:int paused:bool progressDeadlineAbort:bool "
        "progressDeadlineSeconds:int replicas:int restartAt:string revisionHistoryLimit:int "
        "rollbackWindow:RollbackWindowSpec selector:LabelSelector strategy:RolloutStrategy template:PodTemplateSpec "
        "workloadRef:ObjectRef"
    ),
    "RolloutStrategy": "blueGreen:BlueGreenStrategy canary:CanaryStrategy",
    "RolloutTrafficRouting": (
        "alb:ALBTrafficRouting ambassador:AmbassadorTrafficRouting apisix:ApisixTrafficRouting "
        "appMesh:AppMeshTrafficRouting istio:IstioTrafficRouting managedRoutes:[]MangedRoutes maxTrafficWeight:int "
        "nginx:NginxTrafficRouting plugins:{}any smi:SMITrafficRouting traefik:TraefikTrafficRouting"
    ),
    "RouteMatch": "headers:{}StringMatch method:StringMatch path:StringMatch",
    "SELinuxOptions": "level:string role:string type:string user:string",
    "SMITrafficRouting": "rootService:string trafficSplitName:string",
    "ScaleIOVolumeSource": (
        "fsType:string gateway:string protectionDomain:string readOnly:bool secretRef:LocalObjectReference "
        "sslEnabled:bool storageMode:string storagePool:string system:string volumeName:string"
    ),
    "ScopeDetail": "end:string region!:string scope!:string start:string step!:int",
    "SeccompProfile": "localhostProfile:string type:string",
    "SecretEnvSource": "name:string optional:bool",
    "SecretKeyRef": "key!:string name!:string",
    "SecretKeySelector": "key:string name:string optional:bool",
    "SecretProjection": "items:[]KeyToPath name:string optional:bool",
    "SecretRef": "name:string namespaced:bool",
    "SecretVolumeSource": "defaultMode:int items:[]KeyToPath optional:bool secretName:string",
    "SecurityContext": (
        "allowPrivilegeEscalation:bool appArmorProfile:AppArmorProfile capabilities:Capabilities privileged:bool "
        "procMount:string readOnlyRootFilesystem:bool runAsGroup:int runAsNonRoot:bool runAsUser:int "
        "seLinuxOptions:SELinuxOptions seccompProfile:SeccompProfile windowsOptions:WindowsSecurityContextOptions"
    ),
    "Service": "apiVersion:string kind:string metadata:ObjectMeta spec:ServiceSpec status:any",
    "ServiceAccountTokenProjection": "audience:string expirationSeconds:int path:string",
    "ServiceBackendPort": "name:string number:int",
    "ServicePort": "appProtocol:string name:string nodePort:int port:int protocol:string targetPort:intstr",
    "ServiceSpec": (
        "allocateLoadBalancerNodePorts:bool clusterIP:string clusterIPs:[]string externalIPs:[]string "
        "externalName:string externalTrafficPolicy:string healthCheckNodePort:int internalTrafficPolicy:string "
        "ipFamilies:[]string ipFamilyPolicy:string loadBalancerClass:string loadBalancerIP:string "
        "loadBalancerSourceRanges:[]string ports:[]ServicePort publishNotReadyAddresses:bool selector:{}string "
        "sessionAffinity:string sessionAffinityConfig:SessionAffinityConfig trafficDistribution:string type:string"
    ),
    "SessionAffinityConfig": "clientIP:ClientIPConfig",
    "SetCanaryScale": "matchTrafficWeight:bool replicas:int weight:int",
    "SetHeaderRoute": "match:[]HeaderRoutingMatch name:string",
    "SetMirrorRoute": "match:[]RouteMatch name!:string percentage:int",
    "Sigv4Config": "profile:string region:string roleArn:string",
    "SkyWalkingMetric": "address:string interval:string query:string",
    "SleepAction": "seconds:int",
    "StickinessConfig": "durationSeconds!:int enabled!:bool",
    "StorageOSVolumeSource": (
        "fsType:string readOnly:bool secretRef:LocalObjectReference volumeName:string volumeNamespace:string"
    ),
    "StringMatch": "exact:string prefix:string regex:string",
    "SuccessPolicy": "rules:[]SuccessPolicyRule",
    "SuccessPolicyRule": "succeededCount:int succeededIndexes:string",
    "Sysctl": "name:string value:string",
    "TCPRoute": "port:int",
    "TCPSocketAction": "host:string port:intstr",
    "TLSRoute": "port:int sniHosts:[]string",
    "TTLStrategy": "secondsAfterCompletion:int secondsAfterFailure:int secondsAfterSuccess:int",
    "TemplateService": "name:string",
    "TemplateSpec": (
        "minReadySeconds:int name!:string replicas:int selector!:LabelSelector service:TemplateService "
        "template!:PodTemplateSpec"
    ),
    "Toleration": "effect:string key:string operator:string tolerationSeconds:int value:string",
    "TopologySpreadConstraint": (
        "labelSelector:LabelSelector matchLabelKeys:[]string maxSkew:int minDomains:int nodeAffinityPolicy:string "
        "nodeTaintsPolicy:string topologyKey:string whenUnsatisfiable:string"
    ),
    "TraefikTrafficRouting": "weightedTraefikServiceName!:string",
    "TypedLocalObjectReference": "apiGroup:string kind:string name:string",
    "TypedObjectReference": "apiGroup:string kind:string name:string namespace:string",
    "ValueFrom": "fieldRef:FieldRef secretKeyRef:SecretKeyRef",
    "Volume": (
        "awsElasticBlockStore:AWSElasticBlockStoreVolumeSource azureDisk:AzureDiskVolumeSource "
        "azureFile:AzureFileVolumeSource cephfs:CephFSVolumeSource cinder:CinderVolumeSource "
        "configMap:ConfigMapVolumeSource csi:CSIVolumeSource downwardAPI:DownwardAPIVolumeSource "
        "emptyDir:EmptyDirVolumeSource ephemeral:EphemeralVolumeSource fc:FCVolumeSource flexVolume:FlexVolumeSource "
        "flocker:FlockerVolumeSource gcePersistentDisk:GCEPersistentDiskVolumeSource gitRepo:GitRepoVolumeSource "
        "glusterfs:GlusterfsVolumeSource hostPath:HostPathVolumeSource image:ImageVolumeSource iscsi:ISCSIVolumeSource "
        "name:string nfs:NFSVolumeSource persistentVolumeClaim:PersistentVolumeClaimVolumeSource "
        "photonPersistentDisk:PhotonPersistentDiskVolumeSource portworxVolume:PortworxVolumeSource "
        "projected:ProjectedVolumeSource quobyte:QuobyteVolumeSource rbd:RBDVolumeSource scaleIO:ScaleIOVolumeSource "
        "secret:SecretVolumeSource storageos:StorageOSVolumeSource vsphereVolume:VsphereVirtualDiskVolumeSource"
    ),
    "VolumeDevice": "devicePath:string name:string",
    "VolumeMount": (
        "mountPath:string mountPropagation:string name:string readOnly:bool recursiveReadOnly:string subPath:string "
        "subPathExpr:string"
    ),
    "VolumeProjection": (
        "clusterTrustBundle:ClusterTrustBundleProjection configMap:ConfigMapProjection "
        "downwardAPI:DownwardAPIProjection podCertificate:PodCertificateProjection secret:SecretProjection "
        "serviceAccountToken:ServiceAccountTokenProjection"
    ),
    "VolumeResourceRequirements": "limits:{}quantity requests:{}quantity",
    "VsphereVirtualDiskVolumeSource": "fsType:string storagePolicyID:string storagePolicyName:string volumePath:string",
    "WavefrontMetric": "address:string query:string",
    "WebMetric": (
        "authentication:Authentication body:string headers:[]WebMetricHeader insecure:bool jsonBody:any "
        "jsonPath:string method:string timeoutSeconds:int url!:string"
    ),
    "WebMetricHeader": "key!:string value!:string",
    "WeightedPodAffinityTerm": "podAffinityTerm:PodAffinityTerm weight:int",
    "WindowsSecurityContextOptions": (
        "gmsaCredentialSpec:string gmsaCredentialSpecName:string hostProcess:bool runAsUserName:string"
    ),
}

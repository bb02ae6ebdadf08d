{{/*
Short enough for a CronJob, whose name leaves room for its jobs' suffixes. Services have names of DNS-1035: they have no dots,
which names of releases may have, and begin with a letter.
*/}}
{{- define "lethe.fullname" -}}
{{- $name := default .Chart.Name .Values.nameOverride -}}
{{- $full := printf "%s-%s" .Release.Name $name -}}
{{- if .Values.fullnameOverride -}}
{{- $full = .Values.fullnameOverride -}}
{{- else if contains $name .Release.Name -}}
{{- $full = .Release.Name -}}
{{- end -}}
{{- if regexMatch "^[0-9]" $full -}}
{{- $full = printf "lethe-%s" $full -}}
{{- end -}}
{{- $full | replace "." "-" | trunc 40 | trimSuffix "-" -}}
{{- end -}}

{{- define "lethe.selector" -}}
app.kubernetes.io/name: {{ default .Chart.Name .Values.nameOverride | trunc 63 | trimSuffix "-" | quote }}
app.kubernetes.io/instance: {{ .Release.Name | quote }}
{{- end -}}

{{- define "lethe.labels" -}}
{{ include "lethe.selector" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" | trunc 63 | trimSuffix "-" }}
{{- end -}}

{{- define "lethe.serviceAccountName" -}}
{{- default (ternary (include "lethe.fullname" .) "default" .Values.serviceAccount.create) .Values.serviceAccount.name -}}
{{- end -}}

{{- define "lethe.claimName" -}}
{{- if eq .Values.database.mode "sqlite" -}}
{{- default (include "lethe.fullname" .) .Values.persistence.existingClaim -}}
{{- else -}}
{{- .Values.content.existingClaim -}}
{{- end -}}
{{- end -}}

{{/* Whether the pods have a volume at /data. Any text means yes. */}}
{{- define "lethe.hasData" -}}
{{- if or (eq .Values.database.mode "sqlite") .Values.content.existingClaim }}yes{{ end -}}
{{- end -}}

{{/*
The number of pods of the live Deployment, for the manifest of an autoscaled one. Without it, Helm would take back the number
that it set before, and the API server would set it to 1. Where Helm applies on the server and the autoscaler has set the
number since, the text is empty: to set the number again would be a conflict if the autoscaler changes it during the upgrade.
*/}}
{{- define "lethe.liveReplicas" -}}
{{- $live := lookup "apps/v1" "Deployment" .Release.Namespace (include "lethe.fullname" .) -}}
{{- $isLeft := false -}}
{{- range dig "metadata" "managedFields" list $live -}}
{{- if and (contains "helm" .manager) (eq .operation "Apply") -}}
{{- $isLeft = not (hasKey (dig "fieldsV1" "f:spec" dict .) "f:replicas") -}}
{{- end -}}
{{- end -}}
{{- if not $isLeft -}}
{{- with dig "spec" "replicas" 0 $live }}{{ int . }}{{ end -}}
{{- end -}}
{{- end -}}

{{/* Every setting that is not a secret, as a map of environment variables. */}}
{{- define "lethe.settings" -}}
LETHE_DATA_DIR: /data
LETHE_HTTP__LISTEN: {{ printf "%s:8080" .Values.http.address | quote }}
LETHE_HTTP__INTERNAL_LISTEN: {{ printf "%s:9090" .Values.http.address | quote }}
{{- with .Values.http.corsOrigins }}
LETHE_HTTP__CORS_ORIGINS: {{ join "," . | quote }}
{{- end }}
{{- if eq .Values.database.mode "postgres" }}
{{- range $name, $database := dict "database" .Values.database "vault" .Values.vault }}
{{- if $database.urlSecret.name }}
LETHE_{{ upper $name }}__URL_FILE: /etc/lethe/{{ $name }}-url
{{- else if $database.url }}
LETHE_{{ upper $name }}__URL: {{ $database.url | quote }}
LETHE_{{ upper $name }}__USERNAME_FILE: /etc/lethe/{{ $name }}-username
LETHE_{{ upper $name }}__PASSWORD_FILE: /etc/lethe/{{ $name }}-password
{{- end }}
{{- end }}
{{- end }}
LETHE_VAULT__MASTER_KEY_FILE: /etc/lethe/master-key
{{- if .Values.vault.previousMasterKeySecret.name }}
LETHE_VAULT__PREVIOUS_MASTER_KEY_FILE: /etc/lethe/previous-master-key
{{- end }}
{{- with .Values.content.s3 }}
{{- if .bucket }}
LETHE_CONTENT__S3__BUCKET: {{ .bucket | quote }}
{{- with .prefix }}
LETHE_CONTENT__S3__PREFIX: {{ . | quote }}
{{- end }}
{{- with .region }}
LETHE_CONTENT__S3__REGION: {{ . | quote }}
{{- end }}
{{- with .endpoint }}
LETHE_CONTENT__S3__ENDPOINT: {{ . | quote }}
{{- end }}
{{- if .accessKeyId }}
LETHE_CONTENT__S3__ACCESS_KEY_ID: {{ .accessKeyId | quote }}
LETHE_CONTENT__S3__SECRET_ACCESS_KEY_FILE: /etc/lethe/s3-secret
{{- end }}
{{- end }}
{{- end }}
{{- with .Values.webhooks.allow }}
LETHE_WEBHOOKS__ALLOW: {{ join "," . | quote }}
{{- end }}
{{- with .Values.journal }}
{{- if not .enabled }}
LETHE_JOURNAL__OFF: "true"
{{- else }}
LETHE_JOURNAL__PLACE: {{ .place | quote }}
{{- with .s3.region }}
LETHE_JOURNAL__S3__REGION: {{ . | quote }}
{{- end }}
{{- with .s3.endpoint }}
LETHE_JOURNAL__S3__ENDPOINT: {{ . | quote }}
{{- end }}
{{- if .s3.accessKeyId }}
LETHE_JOURNAL__S3__ACCESS_KEY_ID: {{ .s3.accessKeyId | quote }}
LETHE_JOURNAL__S3__SECRET_ACCESS_KEY_FILE: /etc/lethe/journal-s3-secret
{{- end }}
{{- end }}
{{- end }}
LETHE_AUTH__ISSUER: {{ .Values.auth.issuer | quote }}
LETHE_AUTH__AUDIENCE: {{ .Values.auth.audience | quote }}
{{- if .Values.auth.jwksUrl }}
LETHE_AUTH__JWKS_URL: {{ .Values.auth.jwksUrl | quote }}
{{- else if .Values.auth.jwksConfigMap.name }}
LETHE_AUTH__JWKS_FILE: /etc/lethe/jwks.json
{{- end }}
LETHE_AUTH__TENANT_CLAIM: {{ .Values.auth.tenantClaim | quote }}
LETHE_AUTH__ROLES_CLAIM: {{ .Values.auth.rolesClaim | quote }}
{{- end -}}

{{/* Labels and annotations of every pod; the caller adds the component. */}}
{{- define "lethe.podLabels" -}}
{{ include "lethe.labels" . }}
{{- with .Values.podLabels }}
{{ toYaml . }}
{{- end }}
{{- end -}}

{{/* The common part of every pod, without affinity, volumes, and containers. */}}
{{- define "lethe.pod" -}}
automountServiceAccountToken: false
# A service called lethe would put its own LETHE_… variables into the environment.
enableServiceLinks: false
securityContext:
  runAsNonRoot: true
  {{- with .Values.podSecurityContext }}
  {{- toYaml . | nindent 2 }}
  {{- end }}
  fsGroupChangePolicy: OnRootMismatch
  seccompProfile:
    type: RuntimeDefault
{{- with .Values.imagePullSecrets }}
imagePullSecrets:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.priorityClassName }}
priorityClassName: {{ . }}
{{- end }}
{{- with .Values.nodeSelector }}
nodeSelector:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.tolerations }}
tolerations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end -}}

{{/* Annotations of a pod. Arguments: root, and own, which a workload adds. Empty text if there are none. */}}
{{- define "lethe.podAnnotations" -}}
{{- with merge (deepCopy .own) .root.Values.podAnnotations -}}
{{ toYaml . }}
{{- end -}}
{{- end -}}

{{- define "lethe.image" -}}
{{ with .Values.image.registry }}{{ . }}/{{ end }}{{ .Values.image.repository }}{{ with .Values.image.digest }}@{{ . }}{{ else }}:{{ .Values.image.tag | default .Chart.AppVersion }}{{ end }}
{{- end -}}

{{- define "lethe.containerSecurity" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities:
  drop: [ALL]
{{- end -}}

{{/* The probe of an address of the internal listener. Arguments: path, and times. */}}
{{- define "lethe.probe" -}}
httpGet:
  path: {{ .path }}
  port: metrics
{{ toYaml .times }}
{{- end -}}

{{/*
The containers that start before those of the workload: sidecars, which Kubernetes restarts and ends with the pod, and
containers that end by themselves. Their own security context replaces the chart's, key by key.
*/}}
{{- define "lethe.initContainers" -}}
{{- $security := dict "securityContext" (fromYaml (include "lethe.containerSecurity" .)) -}}
{{- range .Values.sidecars }}
- {{ toYaml (merge (dict "restartPolicy" "Always") (deepCopy .) $security) | nindent 2 | trim }}
{{- end }}
{{- range .Values.initContainers }}
- {{ toYaml (merge (deepCopy .) $security) | nindent 2 | trim }}
{{- end }}
{{- end -}}

{{/* The common part of every container, without name, arguments, environment, and resources. */}}
{{- define "lethe.container" -}}
image: {{ include "lethe.image" . }}
imagePullPolicy: {{ .Values.image.pullPolicy }}
securityContext:
  {{- include "lethe.containerSecurity" . | nindent 2 }}
volumeMounts:
  - name: tmp
    mountPath: /tmp
  - name: settings
    mountPath: /etc/lethe
    readOnly: true
  {{- if include "lethe.hasData" . }}
  - name: data
    mountPath: /data
  {{- end }}
  {{- with .Values.extraVolumeMounts }}
  {{- toYaml . | nindent 2 }}
  {{- end }}
{{- end -}}

{{/* Settings and further environment of the workloads. The migration hook runs before the ConfigMap exists. */}}
{{- define "lethe.env" -}}
envFrom:
  {{- with .Values.extraEnvFrom }}
  {{- toYaml . | nindent 2 }}
  {{- end }}
  - configMapRef:
      name: {{ include "lethe.fullname" . }}
{{- with .Values.extraEnv }}
env:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end -}}

{{/* Volumes of every pod. Arguments: root, and hook for the pod that runs before this release's ConfigMap exists. */}}
{{- define "lethe.volumes" -}}
{{- $values := .root.Values -}}
- name: tmp
  emptyDir:
    sizeLimit: 2Gi
- name: settings
  projected:
    defaultMode: 0440
    sources:
      - secret:
          name: {{ $values.vault.masterKeySecret.name }}
          items:
            - key: {{ $values.vault.masterKeySecret.key }}
              path: master-key
      {{- with $values.vault.previousMasterKeySecret }}
      {{- if .name }}
      - secret:
          name: {{ .name }}
          items:
            - key: {{ .key }}
              path: previous-master-key
      {{- end }}
      {{- end }}
      {{- if eq $values.database.mode "postgres" }}
      {{- range $name, $database := dict "database" $values.database "vault" $values.vault }}
      {{- if $database.urlSecret.name }}
      - secret:
          name: {{ $database.urlSecret.name }}
          items:
            - key: {{ $database.urlSecret.key }}
              path: {{ $name }}-url
      {{- else if $database.url }}
      - secret:
          name: {{ $database.credentialsSecret.name }}
          items:
            - key: {{ $database.credentialsSecret.usernameKey }}
              path: {{ $name }}-username
            - key: {{ $database.credentialsSecret.passwordKey }}
              path: {{ $name }}-password
      {{- end }}
      {{- end }}
      {{- end }}
      {{- with $values.content.s3.secretAccessKeySecret }}
      {{- if and .name $values.content.s3.bucket }}
      - secret:
          name: {{ .name }}
          items:
            - key: {{ .key }}
              path: s3-secret
      {{- end }}
      {{- end }}
      {{- with $values.journal.s3 }}
      {{- if and .accessKeyId .secretAccessKeySecret.name $values.journal.enabled }}
      - secret:
          name: {{ .secretAccessKeySecret.name }}
          items:
            - key: {{ .secretAccessKeySecret.key }}
              path: journal-s3-secret
      {{- end }}
      {{- end }}
      {{- with $values.auth.jwksConfigMap }}
      {{- if .name }}
      - configMap:
          name: {{ .name }}
          items:
            - key: {{ .key }}
              path: jwks.json
      {{- end }}
      {{- end }}
      {{- if and $values.config (not .hook) }}
      - configMap:
          name: {{ include "lethe.fullname" .root }}-file
          items:
            - key: lethe.toml
              path: lethe.toml
      {{- end }}
{{- if include "lethe.hasData" .root }}
- name: data
  {{- if .hook }}
  {{- /* Migrations of PostgreSQL read no files. So they do not wait for the claim. */}}
  emptyDir: {}
  {{- else }}
  persistentVolumeClaim:
    claimName: {{ include "lethe.claimName" .root }}
  {{- end }}
{{- end }}
{{- with $values.extraVolumes }}
{{ toYaml . }}
{{- end }}
{{- end -}}

{{/*
The reaction of a job to an exit code. A retry does not help after 64 (usage) and 78 (configuration), and it helps after
75 (database unavailable). A pod that the cluster itself removes does not count. Argument: further codes that end the job.
*/}}
{{- define "lethe.podFailurePolicy" -}}
rules:
  - action: Ignore
    onPodConditions:
      - type: DisruptionTarget
        status: "True"
  - action: FailJob
    onExitCodes:
      containerName: lethe
      operator: In
      values: {{ concat . (list 64 78) | toJson }}
  - action: Count
    onExitCodes:
      containerName: lethe
      operator: In
      values: [1, 75]
{{- end -}}

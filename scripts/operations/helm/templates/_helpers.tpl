{{- define "market.name" -}}
{{- $name := .Release.Name -}}
{{- if not (contains .Chart.Name $name) -}}
{{- $name = printf "%s-%s" $name .Chart.Name -}}
{{- end -}}
{{ $name | trunc 40 | trimSuffix "-" }}
{{- end -}}

{{- define "market.selector" -}}
app.kubernetes.io/name: {{ .Chart.Name }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end -}}

{{- define "market.labels" -}}
{{ include "market.selector" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
{{- end -}}

{{- define "market.image" -}}
{{- with .Values.image -}}
{{ if .digest }}{{ .repository }}@{{ .digest }}{{ else }}{{ .repository }}:{{ .tag | default $.Chart.AppVersion }}{{ end }}
{{- end -}}
{{- end -}}

{{/* A pod of one process. Takes root (the chart's own scope), component, roles, resources, claim (empty: the set's). */}}
{{- define "market.pod" -}}
{{- $root := .root -}}
metadata:
  labels:
    {{- include "market.labels" $root | nindent 4 }}
    app.kubernetes.io/component: {{ .component }}
    {{- if .isWorker }}
    computehive/kind: worker
    {{- end }}
spec:
  serviceAccountName: {{ include "market.name" $root }}
  automountServiceAccountToken: false
  # A service of this name would set COMPUTEHIVE_MARKET_PORT, which is a setting.
  enableServiceLinks: false
  terminationGracePeriodSeconds: 60
  {{- with $root.Values.image.pullSecrets }}
  imagePullSecrets:
    {{- range . }}
    - name: {{ . }}
    {{- end }}
  {{- end }}
  securityContext:
    runAsNonRoot: true
    runAsUser: 10001
    runAsGroup: 10001
    fsGroup: 10001
    fsGroupChangePolicy: OnRootMismatch
    seccompProfile:
      type: RuntimeDefault
  topologySpreadConstraints:
    - maxSkew: 1
      topologyKey: kubernetes.io/hostname
      whenUnsatisfiable: ScheduleAnyway
      labelSelector:
        matchLabels:
          {{- include "market.selector" $root | nindent 10 }}
          app.kubernetes.io/component: {{ .component }}
  containers:
    - name: market
      image: {{ include "market.image" $root | quote }}
      imagePullPolicy: {{ $root.Values.image.pullPolicy }}
      args: [market, up, --role, {{ .roles | quote }}]
      env:
        - name: COMPUTEHIVE_MARKET_ADDRESS_BOOK
          value: /etc/computehive/address-book.json
        {{- if eq $root.Values.mode "several" }}
        - name: COMPUTEHIVE_MARKET_DATABASE_URL_FILE
          value: /etc/computehive/secrets/database-url
        {{- end }}
        - name: COMPUTEHIVE_MARKET_OPERATOR_KEYSTORE
          value: /etc/computehive/secrets/operator-keystore
        - name: COMPUTEHIVE_MARKET_PASSWORD_FILE
          value: /etc/computehive/secrets/operator-password
        - name: COMPUTEHIVE_MARKET_DATA_DIR
          value: /var/lib/computehive/market
        - name: COMPUTEHIVE_MARKET_HOST
          value: 0.0.0.0
        - name: COMPUTEHIVE_MARKET_PORT
          value: "8080"
        - name: COMPUTEHIVE_MARKET_METRICS_HOST
          value: 0.0.0.0
        - name: COMPUTEHIVE_MARKET_METRICS_PORT
          value: {{ $root.Values.metrics.port | quote }}
        - name: COMPUTEHIVE_MARKET_RPC_URL
          value: {{ $root.Values.chain.rpcUrl | quote }}
        {{- with $root.Values.chain.publicRpcUrl }}
        - name: COMPUTEHIVE_MARKET_PUBLIC_RPC_URL
          value: {{ . | quote }}
        {{- end }}
        {{- with $root.Values.ingress.proxies }}
        - name: COMPUTEHIVE_MARKET_PROXIES
          value: {{ . | quote }}
        {{- end }}
        {{- if $root.Values.nats.existingSecret }}
        - name: COMPUTEHIVE_MARKET_NATS_URL_FILE
          value: /etc/computehive/nats/nats-url
        {{- end }}
        {{- if $root.Values.readReplicas.existingSecret }}
        - name: COMPUTEHIVE_MARKET_READ_DATABASE_URL_FILE
          value: /etc/computehive/replicas/read-database-url
        {{- end }}
        {{- with $root.Values.bucket }}
        {{- if .url }}
        - name: COMPUTEHIVE_MARKET_BLOBS_URL
          value: {{ .url | quote }}
        {{- end }}
        {{- if .region }}
        - name: AWS_REGION
          value: {{ .region | quote }}
        {{- end }}
        {{- if .endpoint }}
        - name: AWS_ENDPOINT_URL
          value: {{ .endpoint | quote }}
        {{- end }}
        {{- if .existingSecret }}
        - name: AWS_ACCESS_KEY_ID
          valueFrom:
            secretKeyRef: {name: {{ .existingSecret }}, key: access-key-id}
        - name: AWS_SECRET_ACCESS_KEY
          valueFrom:
            secretKeyRef: {name: {{ .existingSecret }}, key: secret-access-key}
        {{- end }}
        {{- end }}
        {{- range $name, $value := $root.Values.settings }}
        - name: COMPUTEHIVE_MARKET_{{ $name }}
          value: {{ $value | quote }}
        {{- end }}
      ports:
        {{- if not .isWorker }}
        - name: http
          containerPort: 8080
        {{- end }}
        - name: metrics
          containerPort: {{ $root.Values.metrics.port }}
      {{- if .isWorker }}
      # It serves no HTTP but its metrics.
      startupProbe: {httpGet: {path: /metrics, port: metrics}, periodSeconds: 5, failureThreshold: 60}
      livenessProbe: {httpGet: {path: /metrics, port: metrics}, periodSeconds: 20, timeoutSeconds: 10, failureThreshold: 6}
      {{- else }}
      # Migrations, and reading back the book, come before the first answer.
      startupProbe: {httpGet: {path: /api/v1/health/live, port: http}, periodSeconds: 5, failureThreshold: 60}
      livenessProbe: {httpGet: {path: /api/v1/health/live, port: http}, periodSeconds: 10, timeoutSeconds: 5, failureThreshold: 6}
      # Database, chain and a holder of every role.
      readinessProbe: {httpGet: {path: /api/v1/health/ready, port: http}, periodSeconds: 5, timeoutSeconds: 5}
      {{- end }}
      resources:
        {{- toYaml .resources | nindent 8 }}
      securityContext:
        allowPrivilegeEscalation: false
        privileged: false
        readOnlyRootFilesystem: true
        capabilities:
          drop: [ALL]
      volumeMounts:
        - {name: home, mountPath: /var/lib/computehive}
        - {name: data, mountPath: /var/lib/computehive/market}
        - {name: tmp, mountPath: /tmp}
        - {name: address-book, mountPath: /etc/computehive/address-book.json, subPath: address-book.json, readOnly: true}
        - {name: secrets, mountPath: /etc/computehive/secrets, readOnly: true}
        {{- if $root.Values.nats.existingSecret }}
        - {name: nats, mountPath: /etc/computehive/nats, readOnly: true}
        {{- end }}
        {{- if $root.Values.readReplicas.existingSecret }}
        - {name: replicas, mountPath: /etc/computehive/replicas, readOnly: true}
        {{- end }}
  volumes:
    # What is compiled for this machine's processor; made anew where it is gone.
    - name: home
      emptyDir: {sizeLimit: 1Gi}
    - name: tmp
      emptyDir: {sizeLimit: 64Mi}
    - name: address-book
      configMap: {name: {{ $root.Values.addressBook }}}
    - name: secrets
      secret: {secretName: {{ $root.Values.secret }}, defaultMode: 0440}
    {{- with $root.Values.nats.existingSecret }}
    - name: nats
      secret: {secretName: {{ . }}, defaultMode: 0440}
    {{- end }}
    {{- with $root.Values.readReplicas.existingSecret }}
    - name: replicas
      secret: {secretName: {{ . }}, defaultMode: 0440}
    {{- end }}
    {{- with .claim }}
    - name: data
      persistentVolumeClaim: {claimName: {{ . }}}
    {{- end }}
{{- end -}}

/** What notifications say when the configuration does not say otherwise. Names are Alertmanager's, words are ours. */
export const DEFAULT_TEMPLATES = `
{{ define "tutti.subject" -}}
  {{ if eq .Status "firing" }}FIRING ({{ .Alerts.Firing | len }}){{ else }}RESOLVED{{ end }}
  {{- range .GroupLabels.SortedPairs }} {{ .Value }}{{ end }}
  {{- with .CommonLabels.Remove .GroupLabels.Names }}{{ if .Values }} ({{ .Values | join ", " }}){{ end }}{{ end }}
{{- end }}

{{ define "tutti.link" }}{{ if .ExternalURL }}{{ .ExternalURL }}/#/alerts?receiver={{ .Receiver | urlquery }}{{ end }}{{ end }}

{{ define "tutti.alert" -}}
  {{ with .Annotations.summary }}{{ . }}
{{ end -}}
  {{ with .Annotations.description }}{{ . }}
{{ end -}}
  {{ range .Labels.SortedPairs }}{{ .Name }}: {{ .Value }}
{{ end -}}
  since {{ .StartsAt.Format "2006-01-02 15:04:05 MST" }}
{{- with .Annotations.runbook_url }}
runbook: {{ . }}{{ end }}
{{- with .GeneratorURL }}
source: {{ . }}{{ end }}
{{ end }}

{{ define "slack.default.title" }}{{ template "tutti.subject" . }}{{ end }}
{{ define "slack.default.username" }}Tutti{{ end }}
{{ define "slack.default.fallback" }}{{ template "tutti.subject" . }}{{ end }}
{{ define "slack.default.callbackid" }}{{ end }}
{{ define "slack.default.pretext" }}{{ end }}
{{ define "slack.default.titlelink" }}{{ template "tutti.link" . }}{{ end }}
{{ define "slack.default.iconemoji" }}{{ end }}
{{ define "slack.default.iconurl" }}{{ end }}
{{ define "slack.default.text" -}}
{{ range .Alerts }}{{ with .Annotations.summary }}{{ . }}
{{ else }}{{ with .Annotations.description }}{{ . }}
{{ end }}{{ end }}{{ end }}
{{- end }}
{{ define "slack.default.footer" }}{{ end }}
{{ define "slack.default.color" }}{{ if eq .Status "firing" }}danger{{ else }}good{{ end }}{{ end }}

{{ define "pagerduty.default.description" }}{{ template "tutti.subject" . }}{{ end }}
{{ define "pagerduty.default.client" }}Tutti{{ end }}
{{ define "pagerduty.default.clientURL" }}{{ template "tutti.link" . }}{{ end }}
{{ define "pagerduty.default.instances" }}{{ range . }}{{ template "tutti.alert" . }}
{{ end }}{{ end }}

{{ define "email.default.subject" }}{{ template "tutti.subject" . }}{{ end }}
{{ define "email.default.html" -}}
<!doctype html>
<html>
<body style="font-family: sans-serif">
<h2>{{ template "tutti.subject" . }}</h2>
{{ range .Alerts }}<h3>{{ .Status }}: {{ .Labels.alertname }}</h3>
{{ range .Annotations.SortedPairs }}<p><b>{{ .Name }}</b> {{ .Value }}</p>
{{ end }}<table>
{{ range .Labels.SortedPairs }}<tr><td>{{ .Name }}</td><td>{{ .Value }}</td></tr>
{{ end }}</table>
<p>since {{ .StartsAt.Format "2006-01-02 15:04:05 MST" }}{{ with .GeneratorURL }}, <a href="{{ . }}">source</a>{{ end }}</p>
{{ end }}</body>
</html>
{{- end }}
`;

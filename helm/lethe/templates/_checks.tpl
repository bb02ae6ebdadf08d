{{/* The rules that the schema cannot express, and values without a default. All errors are reported at once. */}}
{{- define "lethe.check" -}}
{{- $wrong := list -}}
{{- $sqlite := eq .Values.database.mode "sqlite" -}}
{{- if and $sqlite (gt (int .Values.serve.replicas) 1) -}}
{{- $wrong = append $wrong "serve.replicas: database.mode sqlite allows exactly one replica; use database.mode postgres for more" -}}
{{- end -}}
{{- if and $sqlite (or .Values.database.urlSecret.name .Values.vault.urlSecret.name) -}}
{{- $wrong = append $wrong "database.urlSecret, vault.urlSecret: not used with database.mode sqlite; set database.mode postgres" -}}
{{- end -}}
{{- if not (or $sqlite .Values.database.urlSecret.name .Values.database.url) -}}
{{- $wrong = append $wrong "database.urlSecret.name: required with database.mode postgres, or database.url" -}}
{{- end -}}
{{- range $name, $database := dict "database" .Values.database "vault" .Values.vault -}}
{{- if and $sqlite $database.url -}}
{{- $wrong = append $wrong (printf "%s.url: not used with database.mode sqlite; set database.mode postgres" $name) -}}
{{- end -}}
{{- if and $database.url $database.urlSecret.name -}}
{{- $wrong = append $wrong (printf "%s.url, %s.urlSecret.name: only one of the two is allowed" $name $name) -}}
{{- end -}}
{{- if ne (empty $database.url) (empty $database.credentialsSecret.name) -}}
{{- $wrong = append $wrong (printf "%s.url, %s.credentialsSecret.name: set both or neither" $name $name) -}}
{{- end -}}
{{- end -}}
{{- with .Values.serve.autoscaling -}}
{{- if and .enabled $sqlite -}}
{{- $wrong = append $wrong "serve.autoscaling.enabled: database.mode sqlite allows exactly one replica; use database.mode postgres" -}}
{{- end -}}
{{- if and .enabled (gt (int .minReplicas) (int .maxReplicas)) -}}
{{- $wrong = append $wrong "serve.autoscaling.minReplicas: must not be more than maxReplicas" -}}
{{- end -}}
{{- if and .enabled (not (dig "requests" "cpu" "" $.Values.serve.resources)) -}}
{{- $wrong = append $wrong "serve.resources.requests.cpu: required with serve.autoscaling, which measures a share of it" -}}
{{- end -}}
{{- end -}}
{{- if not .Values.vault.masterKeySecret.name -}}
{{- $wrong = append $wrong "vault.masterKeySecret.name: required" -}}
{{- end -}}
{{- if and (not .Values.journal.enabled) .Values.journal.place -}}
{{- $wrong = append $wrong "journal.place: not without journal.enabled" -}}
{{- end -}}
{{- if and .Values.journal.enabled (not .Values.journal.place) -}}
{{- $wrong = append $wrong "journal.place: required; without journal.enabled there is no journal, and no restore is noticed" -}}
{{- end -}}
{{- if not .Values.auth.issuer -}}
{{- $wrong = append $wrong "auth.issuer: required" -}}
{{- end -}}
{{- if not .Values.auth.audience -}}
{{- $wrong = append $wrong "auth.audience: required" -}}
{{- end -}}
{{- if and .Values.auth.jwksUrl .Values.auth.jwksConfigMap.name -}}
{{- $wrong = append $wrong "auth.jwksUrl, auth.jwksConfigMap.name: one of the two" -}}
{{- end -}}
{{- if and $sqlite .Values.content.existingClaim -}}
{{- $wrong = append $wrong "content.existingClaim: not used with database.mode sqlite; its volume also contains the objects" -}}
{{- end -}}
{{- if and .Values.content.s3.bucket .Values.content.existingClaim -}}
{{- $wrong = append $wrong "content.s3.bucket, content.existingClaim: only one of the two is allowed" -}}
{{- end -}}
{{- if ne (empty .Values.content.s3.accessKeyId) (empty .Values.content.s3.secretAccessKeySecret.name) -}}
{{- $wrong = append $wrong "content.s3.accessKeyId, content.s3.secretAccessKeySecret.name: set both or neither" -}}
{{- end -}}
{{- if and .Values.deliver.enabled (not $sqlite) (not .Values.content.s3.bucket) (not .Values.content.existingClaim) -}}
{{- $wrong = append $wrong "deliver.enabled: nothing can be delivered without content.s3.bucket or content.existingClaim" -}}
{{- end -}}
{{- if and .Values.ingress.enabled (not .Values.ingress.hosts) -}}
{{- $wrong = append $wrong "ingress.hosts: required with ingress.enabled" -}}
{{- end -}}
{{- if and .Values.serviceMonitor.enabled .Values.networkPolicy.enabled (not .Values.networkPolicy.metricsFrom) -}}
{{- $wrong = append $wrong "networkPolicy.metricsFrom: required with the service monitor; name the scraper" -}}
{{- end -}}
{{- range $name, $schedule := dict "nightly.schedule" .Values.nightly.schedule "deliver.schedule" .Values.deliver.schedule -}}
{{- with include "lethe.wrongSchedule" $schedule -}}
{{- $wrong = append $wrong (printf "%s: %s" $name .) -}}
{{- end -}}
{{- end -}}
{{- $zones := regexReplaceAll "(?m)^#.*$" (.Files.Get "files/time-zones.txt") "" | splitList "\n" | join " " | splitList " " -}}
{{- if not (has .Values.nightly.timeZone (without $zones "")) -}}
{{- $wrong = append $wrong (printf "nightly.timeZone: %q is no time zone; use a name of the IANA database, such as Europe/Oslo" .Values.nightly.timeZone) -}}
{{- end -}}
{{- $drain := include "lethe.httpSeconds" (dict "root" . "setting" "drain" "default" 5) | int -}}
{{- $shutdown := include "lethe.httpSeconds" (dict "root" . "setting" "shutdown" "default" 30) | int -}}
{{- if le (int .Values.serve.terminationGracePeriodSeconds) (add $drain $shutdown | int) -}}
{{- $wrong = append $wrong (printf "serve.terminationGracePeriodSeconds: must be more than http.drain and http.shutdown together, which are %d seconds" (add $drain $shutdown)) -}}
{{- end -}}
{{- if $wrong -}}
{{- fail (printf "these values do not work:\n  - %s\n" (join "\n  - " $wrong)) -}}
{{- end -}}
{{- end -}}

{{/*
The error of a schedule. Empty text if there is none. Kubernetes reads it with the parser of robfig/cron: a field is a list of
values and ranges, each with an optional step, and the first value of a range is not after its last.
*/}}
{{- define "lethe.wrongSchedule" -}}
{{- $months := list "JAN" "FEB" "MAR" "APR" "MAY" "JUN" "JUL" "AUG" "SEP" "OCT" "NOV" "DEC" -}}
{{- $days := list "SUN" "MON" "TUE" "WED" "THU" "FRI" "SAT" -}}
{{- $fields := list
  (dict "name" "minute" "first" 0 "last" 59 "words" list)
  (dict "name" "hour" "first" 0 "last" 23 "words" list)
  (dict "name" "day of the month" "first" 1 "last" 31 "words" list)
  (dict "name" "month" "first" 1 "last" 12 "words" $months)
  (dict "name" "day of the week" "first" 0 "last" 6 "words" $days) -}}
{{- $texts := regexSplit " +" . -1 -}}
{{- $wrong := list -}}
{{- if hasPrefix "@" . -}}
{{- if not (has . (list "@yearly" "@annually" "@monthly" "@weekly" "@daily" "@midnight" "@hourly")) -}}
{{- $wrong = append $wrong (printf "%q is no schedule; the words are @yearly, @monthly, @weekly, @daily, and @hourly" .) -}}
{{- end -}}
{{- else if ne (len $texts) 5 -}}
{{- $wrong = append $wrong (printf "%q is no schedule; it has five fields (minute, hour, day of the month, month, day of the week) or is a word such as @daily" .) -}}
{{- else -}}
{{- range $index, $text := $texts -}}
{{- $field := index $fields $index -}}
{{- $isRight := true -}}
{{- range $part := splitList "," $text -}}
{{- if not (regexMatch "^([*?]|[0-9]{1,2}(-[0-9]{1,2})?|[A-Za-z]{3}(-[A-Za-z]{3})?)(/[1-9][0-9]?)?$" $part) -}}
{{- $isRight = false -}}
{{- else if not (regexMatch "^[*?]" $part) -}}
{{- $before := $field.first -}}
{{- range $value := splitList "-" (first (splitList "/" $part)) -}}
{{- $number := atoi $value -}}
{{- if regexMatch "[A-Za-z]" $value -}}
{{- $number = -1 -}}
{{- range $position, $word := $field.words -}}
{{- if eq $word (upper $value) -}}
{{- $number = add $field.first $position | int -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- if or (lt $number $before) (gt $number $field.last) -}}
{{- $isRight = false -}}
{{- end -}}
{{- $before = $number -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- if not $isRight -}}
{{- $wrong = append $wrong (printf "%q is no %s of a schedule" $text $field.name) -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- join ", " $wrong -}}
{{- end -}}

{{/*
The seconds of a setting below `http`: in extraEnv, in the file, or the default. The value of a reference in extraEnv is not
known here, and counts as 0. Arguments: root, setting, and default.
*/}}
{{- define "lethe.httpSeconds" -}}
{{- $seconds := dig "http" .setting .default (fromToml .root.Values.config) -}}
{{- $name := printf "LETHE_HTTP__%s" (upper .setting) -}}
{{- range .root.Values.extraEnv -}}
{{- if eq .name $name -}}
{{- $seconds = default 0 .value -}}
{{- end -}}
{{- end -}}
{{- $seconds | toString | atoi -}}
{{- end -}}

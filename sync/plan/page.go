package plan

// pageTemplate is the page that WriteHTML fills in, in parts.
const pageTemplate = `
{{- define "top"}}<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>scimsync plan</title>
<style>
:root { color-scheme: light dark; --text: #1c1e21; --page: #fff; --soft: #65696f; --rule: #d9dce0; --head: #f3f4f6;
  --gone: #b3261e; --come: #17692e; --other: #8a5a00; --alarm: #fdecea; }
@media (prefers-color-scheme: dark) {
  :root { --text: #e4e6e9; --page: #16181b; --soft: #9aa0a8; --rule: #363a40; --head: #202327;
    --gone: #ff8a80; --come: #7ddc94; --other: #f3c065; --alarm: #3a1e1c; }
}
body { font: 15px/1.45 system-ui, sans-serif; color: var(--text); background: var(--page); max-width: 75rem; margin: 2rem auto; padding: 0 1rem; }
h1 { font-size: 1.5rem; } h2 { font-size: 1.25rem; margin: 0; } h3 { font-size: 1rem; margin: 1.5rem 0 .4rem; }
h3::first-letter { text-transform: uppercase; }
section { border-top: 2px solid var(--rule); padding: 1.2rem 0 2rem; }
.soft { color: var(--soft); }
.totals { font-weight: 600; }
.hold { background: var(--alarm); border-left: 4px solid var(--gone); padding: .7rem 1rem; }
.hold p { margin: .2rem 0; white-space: pre-wrap; }
code { font: 13px/1.45 ui-monospace, monospace; overflow-wrap: anywhere; }
table { border-collapse: collapse; width: 100%; }
th, td { text-align: left; vertical-align: top; padding: .3rem .6rem; border-bottom: 1px solid var(--rule); overflow-wrap: anywhere; unicode-bidi: isolate; }
th { background: var(--head); }
td table { width: auto; } td td { border: 0; padding: 0 .8rem .1rem 0; }
.deactivate .action, .delete .action, .held { color: var(--gone); }
.create .action, .reactivate .action { color: var(--come); }
.update .action, .adopt .action { color: var(--other); }
.held { font-weight: 600; }
.come { color: var(--come); } .gone { color: var(--gone); }
</style>
</head>
<body>
<h1>scimsync plan</h1>
{{- if eq . 0}}
<p>No plan.</p>
{{- end}}
{{- end}}

{{- define "plan"}}
<section>
<h2>{{.Job}} at {{.Target}}</h2>
<p class="soft">{{with .Source}}From {{.}}. {{end}}{{with .At}}Made {{.}}.{{end}}</p>
<p class="totals">{{if .Empty}}Nothing to do.{{else}}{{.Totals}}.{{end}}</p>
{{- range .Besides}}
<p>{{.}}</p>
{{- end}}
{{- if .Holds}}
<div class="hold">
{{- range .Holds}}
<p>{{.}}</p>
{{- end}}
<p>To release exactly this: <code>{{.Approve}}</code></p>
</div>
{{- end}}
<p class="soft">Digest <code>{{.Digest}}</code>{{with .HeldDigest}}, of what is held <code>{{.}}</code>{{end}}</p>
{{- end}}

{{- define "table"}}
<h3>{{.}}</h3>
<table>
<thead><tr><th>Action</th><th>Person</th><th>Attribute, before and after</th><th>Why</th></tr></thead>
<tbody>
{{- end}}

{{- define "change"}}
<tr class="{{.Action}}"><td class="action">{{.Action}}{{if .Held}} <span class="held">held</span>{{end}}</td>
<td>{{.Who}}{{with .RemoteID}}<br><span class="soft">account {{.}}</span>{{end}}</td>
<td>{{with .Remark}}<span class="soft">{{.}}</span>{{end}}
{{- if .Differences}}<table>
{{- range .Differences}}
<tr><td><code>{{.Path}}</code></td>
{{- if .New}}<td>{{.After}}</td>
{{- else if .Resent}}<td>{{.After}}</td><td class="soft">sent again: it may not have arrived</td>
{{- else}}<td>{{.Before}}</td><td>→ {{.After}}</td>
{{- end}}</tr>
{{- end}}
</table>{{end}}</td>
<td>{{.Why}}</td></tr>
{{- end}}

{{- define "members"}}
<h3>Members: {{.}}</h3>
<table>
<thead><tr><th>Group</th><th>Added</th><th>Removed</th><th>Why</th></tr></thead>
<tbody>
{{- end}}

{{- define "group"}}
<tr><td>{{.Group}}: {{.Counts}}{{if .Held}} <span class="held">held</span>{{end}}</td>
<td>{{range .Added}}<div class="come">{{.}}</div>{{end}}</td>
<td>{{range .Removed}}<div class="gone">{{.}}</div>{{end}}</td>
<td>{{.Why}}</td></tr>
{{- end}}

{{- define "tableEnd"}}
</tbody>
</table>
{{- end}}

{{- define "problems"}}
<h3>{{.Title}}</h3>
<table>
<thead><tr><th>Person</th><th>Why</th><th>Looked at again</th></tr></thead>
<tbody>
{{- range .List}}
<tr><td>{{.Who}}{{if .New}} <span class="soft">new</span>{{end}}</td><td>{{.Why}}</td><td>{{.Retry}}</td></tr>
{{- end}}
</tbody>
</table>
{{- end}}

{{- define "planEnd"}}
</section>
{{- end}}

{{- define "bottom"}}
</body>
</html>
{{end}}`

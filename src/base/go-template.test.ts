import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { type Kind, renderTemplate, TemplateError, type Value } from './go-template.ts'

const data = {
  SiteURL: 'https://app.example.com',
  ConfirmationURL:
    'https://id.example.com/auth/v1/verify?token=ab12&type=signup&redirect_to=https://app.example.com/',
  Token: '123456',
  TokenHash: 'ab12',
  Email: 'ann+news@example.com',
  RedirectTo: 'https://app.example.com/a?b=c&d=e',
  Data: { lang: 'fr', name: '<b>Ann</b>', roles: ['admin', 'editor'], age: 42, none: null },
} satisfies Value

const html = (source: string, values: Value = data) => renderTemplate(source, values, 'html')
const text = (source: string, values: Value = data) => renderTemplate(source, values, 'text')

describe('what templates say', () => {
  test.each([
    ['{{ .Token }} is your code', '123456 is your code'],
    ['{{.Token}}{{ .Unknown }}{{ .Unknown.deeper }}{{ .Token.none }}!', '123456!'],
    ['a {{- .Token -}} b', 'a123456b'],
    ['{{/* nobody reads this }} */}}x', 'x'],
    ['{{ "}}" }}', '}}'],
    ['{{ index .Data "lang" }} {{ index .Data.roles 1 }} {{ index .Data.roles 9 }}', 'fr editor '],
    ['{{ if eq .Data.lang "fr" }}Bonjour{{ else }}Hello{{ end }}', 'Bonjour'],
    ['{{ if eq .Data.lang "de" "fr" }}one of them{{ end }}', 'one of them'],
    ['{{ if eq .Data.lang "de" }}a{{ else if eq .Data.lang "fr" }}b{{ else }}c{{ end }}', 'b'],
    ['{{ if .Data.none }}a{{ else if .Nothing }}b{{ else }}c{{ end }}', 'c'],
    ['{{ if and .Token (not .Nothing) }}yes{{ end }}', 'yes'],
    ['{{ or .Nothing .Data.lang }}', 'fr'],
    ['{{ range .Data.roles }}[{{ . }}]{{ end }}', '[admin][editor]'],
    ['{{ range $i, $role := .Data.roles }}{{ $i }}={{ $role }};{{ end }}', '0=admin;1=editor;'],
    ['{{ range .Nothing }}a{{ else }}none{{ end }}', 'none'],
    ['{{ range 3 }}{{ if eq . 1 }}{{ continue }}{{ end }}{{ . }}{{ end }}', '02'],
    ['{{ range .Data.roles }}{{ . }}{{ break }}{{ end }}', 'admin'],
    ['{{ with .Data }}{{ .lang }}{{ $.Token }}{{ else }}none{{ end }}', 'fr123456'],
    ['{{ with .Nothing }}a{{ else with .Data.lang }}{{ . }}{{ end }}', 'fr'],
    ['{{ $name := .Data.lang }}{{ if true }}{{ $name = "de" }}{{ end }}{{ $name }}', 'de'],
    ['{{ printf "%s has %d of %.1f%%" .Data.lang 2 1.25 }}', 'fr has 2 of 1.3%'],
    ['{{ .Data.lang | printf "%q-%s" "x" }}', '"x"-fr'],
    ['{{ len .Data.roles }}{{ len "é" }}', '22'],
    ['{{ slice .Token 0 3 }} {{ slice .Token 3 }}', '123 456'],
    ['{{ (index .Data.roles 0) }}{{ (.Data).lang }}', 'adminfr'],
    ['{{ .Data.roles }} {{ .Data.age }}', '[admin editor] 42'],
    ['{{ if gt .Data.age 18 }}grown{{ end }}', 'grown'],
    ['{{ urlquery .RedirectTo }}', 'https%3A%2F%2Fapp.example.com%2Fa%3Fb%3Dc%26d%3De'],
    ['{{ print "a" 1 2 "b" }}', 'a1 2b'],
    [
      '{{ .constructor }}{{ .Data.__proto__ }}{{ .Data.toString }}{{ index .Data "constructor" }}',
      '',
    ],
  ])('%s', (source, expected) => {
    expect(text(source)).toBe(expected)
  })
})

describe('every value is made harmless for its place', () => {
  test.each([
    ['<p>{{ .Data.name }}</p>', '<p>&lt;b&gt;Ann&lt;/b&gt;</p>'],
    ['<p title="{{ .Data.name }}">', '<p title="&lt;b&gt;Ann&lt;/b&gt;">'],
    ["<p title='{{ . }}'>", "<p title='it&#39;s'>", "it's"],
    ['<p title={{ . }}>', '<p title=a&#32;onclick&#61;x>', 'a onclick=x'],
    ['<title>{{ .Data.name }}</title>', '<title>&lt;b&gt;Ann&lt;/b&gt;</title>'],
    [
      '<a href="{{ .ConfirmationURL }}">x</a>',
      '<a href="https://id.example.com/auth/v1/verify?token=ab12&amp;type=signup&amp;redirect_to=https://app.example.com/">x</a>',
    ],
    [
      '<a href="{{ .SiteURL }}/confirm?hash={{ .TokenHash }}&next={{ .RedirectTo }}">',
      '<a href="https://app.example.com/confirm?hash=ab12&next=https%3a%2f%2fapp.example.com%2fa%3fb%3dc%26d%3de">',
    ],
    ['<a href="{{ . }}">', '<a href="#ZgotmplZ">', 'javascript:alert(1)'],
    ['<a href="{{ . }}">', '<a href="#ZgotmplZ">', ' jAvAsCrIpT:alert(1)'],
    ['<a href="{{ . }}">', '<a href="#ZgotmplZ">', 'data:text/html,x'],
    ['<a href="{{ . }}">', '<a href="mailto:ann@example.com">', 'mailto:ann@example.com'],
    ['<a href="{{ . }}">', '<a href="/a%22%20b%27">', '/a" b\''],
    ['<a href={{ . }}>', '<a href=/x&#63;a&#61;b%20c>', '/x?a=b c'],
    ['<img src="{{ . }}">', '<img src="#ZgotmplZ">', 'javascript:x'],
    ['<p style="color: {{ . }}">', '<p style="color: #ff0000">', '#ff0000'],
    ['<p style="color: {{ . }}">', '<p style="color: ZgotmplZ">', 'red;background:url(//x)'],
    ['<style>p { color: {{ . }} }</style>', '<style>p { color: ZgotmplZ }</style>', '</style>'],
    ['a<!-- {{ . }} <p> -->b{{ . }}', 'ab&lt;', '<'],
    ['<a {{ if . }}href="/x"{{ end }} title="{{ . }}">', '<a href="/x" title="&lt;">', '<'],
    ['1 < 2 {{ . }}', '1 < 2 &lt;', '<'],
  ])('%s → %s', (source, expected, value: Value = data) => {
    expect(html(source, value)).toBe(expected)
  })

  test.each([
    '<script>let a = {{ . }}</script>',
    '<script>let a = "{{ . }}"</script>',
    '<p onclick="{{ . }}">',
    '<p {{ . }}>',
    '<{{ . }}>',
    '</{{ . }}>',
    '<iframe>{{ . }}</iframe>',
  ])('%s is refused', (source) => {
    expect(() => html(source, 'x')).toThrow(TemplateError)
  })

  test('whatever a value says, it opens and closes nothing (B8, B10)', () => {
    const places = ['<p>@</p>', '<p title="@">x</p>', "<p title='@'>x</p>", '<p title=@>x</p>']
    places.push('<a href="@">x</a>', '<a href="/?x=@">x</a>', '<p style="@">x</p>')
    fc.assert(
      fc.property(fc.constantFrom(...places), fc.string({ unit: 'binary' }), (place, value) => {
        const [before = '', behind = ''] = place.split('@')
        const written = html(place.replace('@', '{{ . }}'), value)
        const shown = written.slice(before.length, written.length - behind.length)
        expect(written).toBe(before + shown + behind)
        expect(shown).not.toMatch(place.includes('=@') ? /[<>"'\s=]/ : /[<>"']/)
      }),
    )
  })
})

describe('a hostile template', () => {
  const hostile: [string, string][] = [
    ['an open action', '{{ .Token'],
    ['an open string', '{{ "x }}'],
    ['an open comment', '{{/* x }}'],
    ['a missing end', '{{ if .Token }}x'],
    ['an end too many', 'x{{ end }}'],
    ['an unknown function', '{{ call .Token }}'],
    ['another template', '{{ template "x" }}'],
    ['a definition', '{{ define "x" }}{{ end }}'],
    ['an unknown variable', '{{ $x }}'],
    ['a function of JavaScript', '{{ constructor }}'],
    ['brackets without end', `{{ ${'('.repeat(10_000)} }}`],
    ['conditions without end', '{{ if .Token }}'.repeat(10_000)],
    [
      'loops in loops',
      '{{ range 1000 }}{{ range 1000 }}{{ range 1000 }}x{{ end }}{{ end }}{{ end }}',
    ],
    ['an endless loop', '{{ range 1000000000 }}x{{ end }}'],
    ['a text that doubles', '{{ $x := "xx" }}{{ range 1000 }}{{ $x = print $x $x }}{{ end }}'],
    ['a page that is too long', `{{ range 1000 }}${'x'.repeat(10_000)}{{ end }}`],
    ['a source that is too long', 'x'.repeat(1_000_001)],
    ['values of values', '{{ .Token .Token }}'],
    ['a comparison of apples and pears', '{{ lt .Token 1 }}'],
  ]

  test.each(hostile)('%s ends in a TemplateError', (_name, source) => {
    for (const kind of ['html', 'text'] satisfies Kind[]) {
      expect(() => renderTemplate(source, data, kind)).toThrow(TemplateError)
    }
  })

  test('any text is rendered or refused, and nothing else happens (B10)', () => {
    const piece = fc.oneof(
      fc.string(),
      fc.constantFrom(
        '{{',
        '}}',
        '{{-',
        '-}}',
        'if ',
        'range ',
        'end',
        'else',
        '.Token',
        '$x',
        ':=',
      ),
      fc.constantFrom('(', ')', '|', '"', '`', '<a href="', '">', '<!--', '-->', 'printf ', '%s'),
    )
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 30 }), (pieces) => {
        try {
          html(pieces.join(''))
        } catch (error) {
          expect(error).toBeInstanceOf(TemplateError)
        }
      }),
      { numRuns: 2000 },
    )
  })
})

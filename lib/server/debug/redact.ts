// What a bundle must not show. First by place: fields that hold secrets are left out of objects and definitions. Then by value: every
// secret that was seen on the way is taken out of all other texts, wherever it was quoted. Pure.
import type { KubeObject } from '../../object.ts'

/** Shorter values are words that occur by chance. */
const MIN_SECRET = 6
/** Secrets that are looked for at most, the longest first. */
const MAX_SECRETS = 1_000
export const LEFT_OUT = '(left out)'

/** Values of secrets, and the texts without them. */
export class Secrets {
  readonly #values = new Set<string>()
  #pattern: RegExp | null = null

  /** A value as it is, each of its longer lines, and both as base64. */
  learn(value: string): void {
    for (const text of [value, ...value.split('\n').map((line) => line.trim())])
      if (text.length >= MIN_SECRET) {
        this.#values.add(text)
        this.#values.add(Buffer.from(text).toString('base64'))
        // As it stands inside of JSON.
        this.#values.add(JSON.stringify(text).slice(1, -1))
      }
    this.#pattern = null
  }

  /** The text without any of them, and without credentials by their form: in URLs, headers, `password=…`. */
  scrub(text: string): string {
    this.#pattern ??= patternOf([...this.#values])
    const known = this.#pattern === null ? text : text.replace(this.#pattern, LEFT_OUT)
    return FORMS.reduce((clean, [form, by]) => clean.replace(form, by), known)
  }
}

function patternOf(values: readonly string[]): RegExp | null {
  if (values.length === 0) return null
  const longest = values.toSorted((a, b) => b.length - a.length).slice(0, MAX_SECRETS)
  return new RegExp(longest.map((value) => value.replace(/[.*+?^${}()|[\]\\]/g, '\\$&')).join('|'), 'g')
}

const FORMS: readonly (readonly [RegExp, string])[] = [
  // Name and password in a URL, and its query: signed URLs are secrets.
  [/\b([a-z][a-z0-9+.-]{1,20}:\/\/)[^\s/@"'<>]{1,512}@/gi, `$1${LEFT_OUT}@`],
  [/\b([a-z][a-z0-9+.-]{1,20}:\/\/[^\s?"'<>]{1,1024})\?[^\s"'<>]{1,2048}/gi, `$1?${LEFT_OUT}`],
  [/\b(bearer|basic)\s+[A-Za-z0-9._~+/=-]{8,}/gi, `$1 ${LEFT_OUT}`],
  [
    /(["']?\b(?:passwd|password|passphrase|secret|token|api[_-]?key)["']?\s*[=:]\s*)("[^"\n]*"|'[^'\n]*'|[^\s,;}{"']+)/gi,
    `$1${LEFT_OUT}`,
  ],
  [/-----BEGIN [A-Z ]*PRIVATE KEY-----[\s\S]*?-----END [A-Z ]*PRIVATE KEY-----/g, LEFT_OUT],
]

type Fields = Readonly<Record<string, unknown>>
const isFields = (value: unknown): value is Fields =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

/** Annotations whose value may hold a whole object. */
const COPIES = /last-applied-configuration$/

/** An object as a bundle shows it; what is left out is told to `secrets`. */
export function redactObject(object: KubeObject, secrets: Secrets): KubeObject {
  const { managedFields: _managed, annotations = {}, ...metadata } = object.metadata as KubeObject['metadata'] & Fields
  const secret = object.kind === 'Secret'
  const kept = Object.entries(annotations as Readonly<Record<string, string>>).map(([key, value]) => {
    if (secret) secrets.learn(value)
    return [key, secret || COPIES.test(key) ? LEFT_OUT : value] as const
  })
  const { data, stringData, binaryData, ...rest } = object as KubeObject & Fields
  const shown: Record<string, unknown> = { ...rest }
  // A ConfigMap may hold what a Secret should.
  for (const [field, values] of Object.entries({ data, stringData, binaryData }))
    if (isFields(values)) shown[field] = sizes(values, secret && field === 'data', secrets)
  if (isFields(shown.spec)) shown.spec = redactSpec(object.kind, shown.spec, secrets)
  // A binding carries what its machine refers to.
  if (Array.isArray(shown.objects)) shown.objects = shown.objects.map((one: KubeObject) => redactObject(one, secrets))
  return { ...shown, metadata: { ...metadata, annotations: Object.fromEntries(kept) } } as unknown as KubeObject
}

function sizes(values: Fields, base64: boolean, secrets: Secrets): Record<string, string> {
  return Object.fromEntries(
    Object.entries(values).map(([key, value]) => {
      const text = String(value)
      secrets.learn(base64 ? Buffer.from(text, 'base64').toString('utf8') : text)
      return [key, `(${text.length} characters left out)`]
    }),
  )
}

function redactSpec(kind: string, spec: Fields, secrets: Secrets): Fields {
  if (kind === 'AccessToken') return { ...spec, sha256: LEFT_OUT }
  if (kind !== 'VirtualMachine' || !isFields(spec.provisioning)) return spec
  const { userData } = spec.provisioning
  if (typeof userData !== 'string') return spec
  secrets.learn(userData)
  return { ...spec, provisioning: { ...spec.provisioning, userData: `(${userData.length} characters left out)` } }
}

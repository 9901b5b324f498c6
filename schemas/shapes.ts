// Building blocks of the kinds' schemas: shapes that several kinds share, written as DVP's CRDs have them.
//
// Conventions that the API server relies on:
// - an object lists every field under `properties`; a field that is not listed is unknown;
// - `additionalProperties` with a schema makes a map;
// - `x-kubernetes-preserve-unknown-fields: true` makes an object that keeps fields that it doesn't list;
// - `format` is a note for people and for OpenAPI; rules check what matters.
import Type from 'typebox'

/** The type with every level read-only: objects are never changed in place. */
export type DeepReadonly<T> = T extends readonly (infer E)[]
  ? readonly DeepReadonly<E>[]
  : T extends object
    ? { readonly [K in keyof T]: DeepReadonly<T[K]> }
    : T

/** The type after defaults: these fields are always there, although a client may leave them out. */
export type Defaulted<T, K extends keyof T> = Omit<T, K> & { [P in K]-?: Exclude<T[P], undefined> }

type Options = Readonly<Record<string, unknown>>

/** One of a closed list of words. */
export const Choice = <const T extends readonly string[]>(values: T, options: Options = {}) =>
  Type.Unsafe<T[number]>({ type: 'string', enum: [...values], ...options })

/** A map of text to text, such as labels. */
export const StringMap = (options: Options = {}) =>
  Type.Unsafe<Record<string, string>>({ type: 'object', additionalProperties: { type: 'string' }, ...options })

/** An object that keeps what it doesn't list. */
export const Open = <T>(options: Options = {}) =>
  Type.Unsafe<T>({ type: 'object', 'x-kubernetes-preserve-unknown-fields': true, ...options })

/** What Kubernetes takes for a quantity: sign, decimal number, then a suffix or an exponent. */
export const QUANTITY_PATTERN =
  '^(\\+|-)?(([0-9]+(\\.[0-9]*)?)|(\\.[0-9]+))(([KMGTPE]i)|[numkMGTPE]|([eE](\\+|-)?(([0-9]+(\\.[0-9]*)?)|(\\.[0-9]+))))?$'

/** A quantity as text or as a whole number. */
export const IntOrQuantity = () =>
  Type.Unsafe<number | string>({
    anyOf: [{ type: 'integer' }, { type: 'string' }],
    pattern: QUANTITY_PATTERN,
    'x-kubernetes-int-or-string': true,
  })

/** Amounts by resource: `cpu`, `memory`, `ephemeral-storage`. */
export const Amounts = () =>
  Type.Unsafe<Record<string, number | string>>({ type: 'object', additionalProperties: IntOrQuantity() })

export const Int32 = (options: Options = {}) => Type.Integer({ format: 'int32', ...options })
export const Int64 = (options: Options = {}) => Type.Integer({ format: 'int64', ...options })

/** RFC 3339. */
export const Time = () => Type.String({ format: 'date-time' })
/** RFC 3339 or null for "not yet". */
export const NullableTime = () => Type.Unsafe<string | null>({ type: 'string', format: 'date-time', nullable: true })
/** A duration as Go prints it (`1m30s`), or null for "not yet". */
export const NullableDuration = () => Type.Unsafe<string | null>({ type: 'string', nullable: true })

/** A name of something else: any text but the empty one. */
export const Name = () => Type.String({ minLength: 1 })

/** How lists of core kinds merge: each item known by its type. DVP's lists of conditions are whole to server-side apply. */
export const BY_TYPE = { 'x-kubernetes-list-type': 'map', 'x-kubernetes-list-map-keys': ['type'] } as const

export const Conditions = (options: Options = {}) =>
  Type.Array(
    Type.Object({
      type: Type.String({
        maxLength: 316,
        pattern:
          '^([a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*/)?(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])$',
      }),
      status: Choice(['True', 'False', 'Unknown']),
      reason: Type.String({
        minLength: 1,
        maxLength: 1024,
        pattern: '^[A-Za-z]([A-Za-z0-9_,:]*[A-Za-z0-9_])?$',
      }),
      message: Type.String({ maxLength: 32768 }),
      lastTransitionTime: Time(),
      observedGeneration: Type.Optional(Int64({ minimum: 0 })),
    }),
    options,
  )

/** One line of a selector by expression. */
const Requirement = (options: Options = {}) =>
  Type.Object({
    key: Type.String(),
    operator: Type.String(),
    values: Type.Optional(Type.Array(Type.String(), options)),
  })

/** A label selector. An atomic one is replaced as a whole by server-side apply. */
export const LabelSelector = (options: { readonly atomic: 'all' | 'values' | 'none' } = { atomic: 'none' }) => {
  const list = { 'x-kubernetes-list-type': 'atomic' }
  const whole = options.atomic === 'all'
  return Type.Object(
    {
      matchExpressions: Type.Optional(
        Type.Array(Requirement(options.atomic === 'none' ? {} : list), whole ? list : {}),
      ),
      matchLabels: Type.Optional(StringMap()),
    },
    whole ? { 'x-kubernetes-map-type': 'atomic' } : {},
  )
}

export type LabelSelector = DeepReadonly<Type.Static<ReturnType<typeof LabelSelector>>>

/** One alternative of a node affinity: all of its lines must hold. */
export const NodeSelectorTerm = () =>
  Type.Object({
    matchExpressions: Type.Optional(Type.Array(Requirement())),
    matchFields: Type.Optional(Type.Array(Requirement())),
  })

export type NodeSelectorTerm = DeepReadonly<Type.Static<ReturnType<typeof NodeSelectorTerm>>>

export const Tolerations = () =>
  Type.Array(
    Type.Object({
      effect: Type.Optional(Type.String()),
      key: Type.Optional(Type.String()),
      operator: Type.Optional(Type.String()),
      tolerationSeconds: Type.Optional(Int64()),
      value: Type.Optional(Type.String()),
    }),
  )

export type Toleration = DeepReadonly<Type.Static<ReturnType<typeof Tolerations>>>[number]

// access.berth/v1 AccessToken: a bearer token that the server knows by its SHA-256 only. Whoever makes the object has made up the
// token and never sends it; deleting the object revokes it.
import { isDeepStrictEqual } from 'node:util'
import Type from 'typebox'
import type { FieldError } from '../../lib/errors.ts'
import type { KubeObject } from '../../lib/object.ts'
import { AGE, column } from '../columns.ts'
import { forbidden, invalid, ruleOf, when } from '../errors.ts'
import type { KindDef } from '../kind.ts'
import { dnsSubdomain } from '../names.ts'
import { type DeepReadonly, Time } from '../shapes.ts'

export const ACCESS_GROUP = 'access.berth'

const Who = (description: string) =>
  Type.String({ minLength: 1, maxLength: 253, pattern: '^[\\x21-\\x7e]+$', description })

const Spec = Type.Object({
  user: Who('Name of the user whose token this is.'),
  groups: Type.Optional(Type.Array(Who('A group.'), { maxItems: 64, default: [], description: 'Groups of the user.' })),
  sha256: Type.String({
    pattern: '^[0-9a-f]{64}$',
    description: 'SHA-256 of the token, in lower case hexadecimal digits. The token itself should be 256 random bits.',
  }),
  expirationTimestamp: Type.Optional(
    Type.Unsafe<string>({ ...Time(), description: 'The token is refused from this time on; never when absent.' }),
  ),
})

export interface AccessToken extends KubeObject {
  readonly spec: DeepReadonly<Type.Static<typeof Spec>>
}

/** A token that changed its user would change who did what: another one is the way. */
export const tokenIsImmutable = (token: AccessToken, old: AccessToken | null): readonly FieldError[] =>
  when(old !== null && !isDeepStrictEqual(token.spec, old.spec), () =>
    forbidden('spec', 'is immutable: create another token and delete this one'),
  )

const RFC3339 = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)$/

export const expiryIsATime = ({ spec: { expirationTimestamp: at } }: AccessToken): readonly FieldError[] =>
  when(at !== undefined && !(RFC3339.test(at) && !Number.isNaN(Date.parse(at))), () =>
    invalid('spec.expirationTimestamp', 'must be an RFC 3339 time: 2030-01-31T12:00:00Z'),
  )

export const ACCESS_TOKEN: KindDef = {
  group: ACCESS_GROUP,
  kind: 'AccessToken',
  plural: 'accesstokens',
  singular: 'accesstoken',
  shortNames: [],
  categories: [],
  namespaced: false,
  resource: `accesstokens.${ACCESS_GROUP}`,
  versions: [
    {
      name: 'v1',
      schema: Type.Object({ spec: Spec }),
      columns: [
        column('User', '.spec.user'),
        column('Groups', '.spec.groups[*]'),
        column('Expires', '.spec.expirationTimestamp'),
        AGE,
      ],
    },
  ],
  storageVersion: 'v1',
  hasStatus: false,
  checkName: dnsSubdomain,
  rules: [ruleOf(tokenIsImmutable), ruleOf(expiryIsATime)],
}

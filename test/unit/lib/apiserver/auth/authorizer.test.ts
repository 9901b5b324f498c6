// Who may do what, as tables: rules, bindings, names, subresources, paths, and the words of a refusal.
import { describe, expect, it } from 'vitest'
import { type Attributes, attributesOf } from '../../../../../lib/apiserver/auth/attributes.ts'
import { Authorizer } from '../../../../../lib/apiserver/auth/authorizer.ts'
import { RbacIndex } from '../../../../../lib/apiserver/auth/rbac-index.ts'
import { missingRules } from '../../../../../lib/apiserver/auth/rules.ts'
import { TargetParser } from '../../../../../lib/apiserver/http/path.ts'
import type { PolicyRule, Subject } from '../../../../../schemas/index.ts'

const G = 'virtualization.deckhouse.io'
const S = 'subresources.virtualization.deckhouse.io'

/** The attributes of a request line. */
function ask(line: string): Attributes {
  const [method = '', url = ''] = line.split(' ')
  const { target, query } = new TargetParser().parse(url)
  return attributesOf(method, url.split('?')[0] ?? '', target, query)
}

const meta = (name: string, namespace?: string) => ({
  name,
  ...(namespace === undefined ? {} : { namespace }),
  uid: name,
  resourceVersion: '1',
  creationTimestamp: '',
})

class World {
  readonly index = new RbacIndex()
  readonly authorizer = new Authorizer(this.index)

  role(name: string, namespace: string | undefined, ...rules: readonly PolicyRule[]): this {
    const resource = namespace === undefined ? 'clusterroles' : 'roles'
    const object = { apiVersion: 'rbac.authorization.k8s.io/v1', kind: 'R', metadata: meta(name, namespace), rules }
    this.index.put(`${resource}.rbac.authorization.k8s.io`, object)
    return this
  }

  bind(role: string, subject: string | Subject, namespace?: string): this {
    this.index.put(this.#resource(namespace), this.binding(role, subject, namespace))
    return this
  }

  unbind(role: string, subject: string, namespace?: string): this {
    this.index.remove(this.#resource(namespace), this.binding(role, subject, namespace))
    return this
  }

  may(line: string, user = 'eve', groups: readonly string[] = ['system:authenticated']): boolean {
    return this.authorizer.decide({ user, groups }, ask(line)).allowed
  }

  /** `role` as `Role/name` or the name of a ClusterRole; `subject` as `g:name` or a user's name. */
  private binding(role: string, subject: string | Subject, namespace?: string) {
    const local = role.startsWith('Role/')
    const name = role.replace('Role/', '')
    const who: Subject =
      typeof subject !== 'string'
        ? subject
        : subject.startsWith('g:')
          ? { kind: 'Group', name: subject.slice(2) }
          : { kind: 'User', name: subject }
    return {
      apiVersion: 'rbac.authorization.k8s.io/v1',
      kind: 'B',
      metadata: meta(`${name}-${who.name}`, namespace),
      roleRef: { kind: local ? ('Role' as const) : ('ClusterRole' as const), name },
      subjects: [who],
    }
  }

  #resource(namespace?: string): string {
    return `${namespace === undefined ? 'clusterrolebindings' : 'rolebindings'}.rbac.authorization.k8s.io`
  }
}

const vms = `/apis/${G}/v1alpha2/namespaces/team/virtualmachines`
const rule = (verbs: string[], resources: string[], more: Partial<PolicyRule> = {}): PolicyRule => ({
  verbs,
  apiGroups: [G],
  resources,
  ...more,
})

describe('the verb of a request', () => {
  it.each([
    [`GET ${vms}`, 'list', 'team', ''],
    [`GET ${vms}/web`, 'get', 'team', 'web'],
    [`HEAD ${vms}/web`, 'get', 'team', 'web'],
    [`GET ${vms}?watch=true`, 'watch', 'team', ''],
    [`GET ${vms}?watch=1`, 'watch', 'team', ''],
    [`GET ${vms}?watch=`, 'watch', 'team', ''],
    [`GET ${vms}?watch=false`, 'list', 'team', ''],
    [`GET ${vms}/web?watch=true`, 'watch', 'team', 'web'],
    [`GET /apis/${G}/v1alpha2/virtualmachines`, 'list', '', ''],
    [`POST ${vms}`, 'create', 'team', ''],
    [`POST ${vms}?dryRun=All`, 'create', 'team', ''],
    [`PUT ${vms}/web`, 'update', 'team', 'web'],
    [`PATCH ${vms}/web`, 'patch', 'team', 'web'],
    [`DELETE ${vms}/web`, 'delete', 'team', 'web'],
    [`DELETE ${vms}`, 'deletecollection', 'team', ''],
    [`TRACE ${vms}`, 'trace', 'team', ''],
    // A list of one name is about that name, in its plain form only.
    [`GET ${vms}?fieldSelector=metadata.name%3Dweb`, 'list', 'team', 'web'],
    [`GET ${vms}?fieldSelector=metadata.name%3D%3Dweb&watch=1`, 'watch', 'team', 'web'],
    [`DELETE ${vms}?fieldSelector=metadata.name%3Dweb`, 'deletecollection', 'team', 'web'],
    [`GET ${vms}?fieldSelector=metadata.name!%3Dweb`, 'list', 'team', ''],
    [`GET ${vms}?fieldSelector=metadata.name%3Dweb,metadata.namespace%3Dteam`, 'list', 'team', ''],
    [`GET ${vms}?fieldSelector=status.phase!%3Da%5C,metadata.name%3Dweb`, 'list', 'team', ''],
    // A namespace is in itself, so that a role in it can let its people see it.
    ['GET /api/v1/namespaces/team', 'get', 'team', 'team'],
    ['GET /api/v1/namespaces', 'list', '', ''],
    ['POST /api/v1/namespaces', 'create', '', ''],
  ])('%s is %s', (line, verb, namespace, name) => {
    const { verb: found, resource } = ask(line)
    expect([found, resource?.namespace, resource?.name]).toEqual([verb, namespace, name])
  })
})

describe('rules', () => {
  const cases: readonly (readonly [string, PolicyRule, string, boolean])[] = [
    ['the verb', rule(['list'], ['virtualmachines']), `GET ${vms}`, true],
    ['another verb', rule(['list'], ['virtualmachines']), `GET ${vms}?watch=1`, false],
    ['list is not get', rule(['list'], ['virtualmachines']), `GET ${vms}/web`, false],
    ['delete is not deletecollection', rule(['delete'], ['virtualmachines']), `DELETE ${vms}`, false],
    ['patch is not create', rule(['patch'], ['virtualmachines']), `POST ${vms}`, false],
    ['every verb', rule(['*'], ['virtualmachines']), `DELETE ${vms}`, true],
    ['another group', rule(['*'], ['virtualmachines'], { apiGroups: [''] }), `GET ${vms}`, false],
    ['every group', rule(['*'], ['virtualmachines'], { apiGroups: ['*'] }), `GET ${vms}`, true],
    ['another resource', rule(['*'], ['virtualdisks']), `GET ${vms}`, false],
    ['a resource is not its subresource', rule(['*'], ['virtualmachines']), `PATCH ${vms}/web/status`, false],
    ['a subresource is not its resource', rule(['*'], ['virtualmachines/status']), `PATCH ${vms}/web`, false],
    ['the subresource', rule(['*'], ['virtualmachines/status']), `PATCH ${vms}/web/status`, true],
    ['the subresource of everything', rule(['*'], ['*/status']), `PATCH ${vms}/web/status`, true],
    ['everything', rule(['*'], ['*']), `PATCH ${vms}/web/status`, true],
    ['no prefixes', rule(['*'], ['virtualmachines/*']), `PATCH ${vms}/web/status`, false],
    ['the name', rule(['get'], ['virtualmachines'], { resourceNames: ['web'] }), `GET ${vms}/web`, true],
    ['another name', rule(['get'], ['virtualmachines'], { resourceNames: ['web'] }), `GET ${vms}/db`, false],
    ['a list has no name', rule(['list'], ['virtualmachines'], { resourceNames: ['web'] }), `GET ${vms}`, false],
    ['nor has a creation', rule(['create'], ['virtualmachines'], { resourceNames: ['web'] }), `POST ${vms}`, false],
    [
      'a list of that name',
      rule(['list'], ['virtualmachines'], { resourceNames: ['web'] }),
      `GET ${vms}?fieldSelector=metadata.name%3Dweb`,
      true,
    ],
    ['no names is all names', rule(['get'], ['virtualmachines'], { resourceNames: [] }), `GET ${vms}/db`, true],
    ['a path', { verbs: ['get'], nonResourceURLs: ['/version'] }, 'GET /version', true],
    ['a longer path', { verbs: ['get'], nonResourceURLs: ['/version'] }, 'GET /version/x', false],
    ['paths below', { verbs: ['get'], nonResourceURLs: ['/openapi/*'] }, 'GET /openapi/v3/api/v1', true],
    ['a path is no resource', { verbs: ['get', 'list'], nonResourceURLs: ['*'] }, `GET ${vms}`, false],
    ['a resource is no path', rule(['*'], ['*'], { apiGroups: ['*'] }), 'GET /version', false],
  ]
  it.each(cases)('%s', (_title, one, line, allowed) => {
    expect(new World().role('r', undefined, one).bind('r', 'eve').may(line)).toBe(allowed)
  })

  it('a stream is a subresource of its own group', () => {
    const line = `GET /apis/${S}/v1alpha2/namespaces/team/virtualmachines/web/console`
    const own = rule(['get'], ['virtualmachines/console'], { apiGroups: [S] })
    expect(new World().role('r', undefined, own).bind('r', 'eve').may(line)).toBe(true)
    expect(
      new World()
        .role('r', undefined, rule(['*'], ['*']))
        .bind('r', 'eve')
        .may(line),
    ).toBe(false)
  })
})

describe('bindings', () => {
  const read = rule(['get', 'list'], ['virtualmachines'])
  const other = vms.replace('team', 'other')

  it.each([
    ['a user', 'eve', true],
    ['another user', 'bob', false],
    ['a group', 'g:ops', true],
    ['a user named as a group', 'ops', false],
    ['everybody', 'g:system:authenticated', true],
  ])('to %s', (_title, subject, allowed) => {
    const world = new World().role('r', undefined, read).bind('r', subject)
    expect(world.may(`GET ${vms}`, 'eve', ['ops', 'system:authenticated'])).toBe(allowed)
  })

  it('a RoleBinding holds in its namespace only', () => {
    const world = new World().role('r', undefined, read).bind('r', 'eve', 'team')
    expect([
      world.may(`GET ${vms}`),
      world.may(`GET ${other}`),
      world.may(`GET /apis/${G}/v1alpha2/virtualmachines`),
    ]).toEqual([true, false, false])
  })

  it('a ClusterRoleBinding holds everywhere', () => {
    const world = new World().role('r', undefined, read).bind('r', 'eve')
    for (const line of [`GET ${vms}`, `GET ${other}`, `GET /apis/${G}/v1alpha2/virtualmachines`])
      expect(world.may(line)).toBe(true)
  })

  it('a Role is that of the same namespace', () => {
    const world = new World().role('r', 'team', read).bind('Role/r', 'eve', 'team').bind('Role/r', 'eve', 'other')
    expect([world.may(`GET ${vms}`), world.may(`GET ${other}`)]).toEqual([true, false])
  })

  it('to a role that is not there gives nothing', () => {
    expect(new World().bind('r', 'eve').may(`GET ${vms}`)).toBe(false)
  })

  it('to a service account is to the user that Kubernetes names so', () => {
    const world = new World().role('r', undefined, read)
    world.bind('r', { kind: 'ServiceAccount', name: 'ci', namespace: 'team' })
    expect(world.may(`GET ${vms}`, 'system:serviceaccount:team:ci')).toBe(true)
    expect(world.may(`GET ${vms}`, 'ci')).toBe(false)
  })

  it('end when they are removed, and others stay', () => {
    const world = new World().role('r', undefined, read).bind('r', 'eve', 'team').bind('r', 'eve', 'other')
    world.unbind('r', 'eve', 'team')
    expect([world.may(`GET ${vms}`), world.may(`GET ${other}`)]).toEqual([false, true])
  })

  it('a namespace can be seen by who has a role in it', () => {
    const world = new World()
      .role('r', undefined, rule(['get', 'list'], ['namespaces'], { apiGroups: [''] }))
      .bind('r', 'eve', 'team')
    expect([
      world.may('GET /api/v1/namespaces/team'),
      world.may('GET /api/v1/namespaces/other'),
      world.may('GET /api/v1/namespaces'),
    ]).toEqual([true, false, false])
  })
})

describe('answers', () => {
  it('system:masters always may', () => {
    const world = new World()
    for (const line of [`GET ${vms}`, `DELETE ${vms}`, 'GET /version', 'GET /secret'])
      expect(world.may(line, 'root', ['system:masters'])).toBe(true)
  })

  it.each([
    [
      `GET ${vms}`,
      `virtualmachines.${G} is forbidden: User "eve" cannot list resource "virtualmachines" in API group "${G}" in the namespace "team"`,
    ],
    [
      'GET /api/v1/namespaces/team/secrets/s',
      'secrets "s" is forbidden: User "eve" cannot get resource "secrets" in API group "" in the namespace "team"',
    ],
    [
      'GET /api/v1/nodes',
      'nodes is forbidden: User "eve" cannot list resource "nodes" in API group "" at the cluster scope',
    ],
    [
      `GET /apis/${S}/v1alpha2/namespaces/team/virtualmachines/web/vnc`,
      `virtualmachines.${S} "web" is forbidden: User "eve" cannot get resource "virtualmachines/vnc" in API group "${S}" in the namespace "team"`,
    ],
    ['GET /metrics', 'forbidden: User "eve" cannot get path "/metrics"'],
  ])('%s is refused in Kubernetes’ words', (line, words) => {
    const { authorizer } = new World()
    expect(() => authorizer.require({ user: 'eve', groups: [] }, ask(line))).toThrow(words)
  })
})

describe('what one must hold to grant', () => {
  const cases: readonly (readonly [string, readonly PolicyRule[], PolicyRule, boolean])[] = [
    ['the same', [rule(['get'], ['virtualmachines'])], rule(['get'], ['virtualmachines']), true],
    ['less', [rule(['get', 'list'], ['virtualmachines', 'virtualdisks'])], rule(['get'], ['virtualdisks']), true],
    ['one verb more', [rule(['get'], ['virtualmachines'])], rule(['get', 'list'], ['virtualmachines']), false],
    ['one resource more', [rule(['get'], ['virtualmachines'])], rule(['get'], ['virtualmachines', 'x']), false],
    ['another group', [rule(['get'], ['x'])], rule(['get'], ['x'], { apiGroups: [''] }), false],
    [
      'parts from several rules',
      [rule(['get'], ['a', 'b']), rule(['list'], ['a', 'b'])],
      rule(['get', 'list'], ['b', 'a']),
      true,
    ],
    ['everything from everything', [rule(['*'], ['*'], { apiGroups: ['*'] })], rule(['*'], ['*']), true],
    ['everything from all that one can name', [rule(['get', 'list', 'watch'], ['a'])], rule(['*'], ['a']), false],
    ['names from none', [rule(['get'], ['a'])], rule(['get'], ['a'], { resourceNames: ['x'] }), true],
    ['none from names', [rule(['get'], ['a'], { resourceNames: ['x'] })], rule(['get'], ['a']), false],
    [
      'names from more names',
      [rule(['get'], ['a'], { resourceNames: ['x', 'y'] })],
      rule(['get'], ['a'], { resourceNames: ['y'] }),
      true,
    ],
    ['a subresource from its resource', [rule(['get'], ['a'])], rule(['get'], ['a/b']), false],
    ['a subresource from that of all', [rule(['get'], ['*/b'])], rule(['get'], ['a/b']), true],
    ['that of all from one', [rule(['get'], ['a/b'])], rule(['get'], ['*/b']), false],
    [
      'a path from its beginning',
      [{ verbs: ['get'], nonResourceURLs: ['/api/*'] }],
      { verbs: ['get'], nonResourceURLs: ['/api/v1'] },
      true,
    ],
    [
      'a beginning from a path',
      [{ verbs: ['get'], nonResourceURLs: ['/api/v1'] }],
      { verbs: ['get'], nonResourceURLs: ['/api/*'] },
      false,
    ],
  ]
  it.each(cases)('%s', (_title, held, wanted, enough) => {
    expect(missingRules(held, [wanted])).toEqual(enough ? [] : [wanted])
  })
})

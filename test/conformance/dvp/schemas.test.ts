// Berth's schemas against DVP's CRDs, field by field. What differs is listed here with its reason, and nothing else may differ.
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { IMAGE_PATTERN, URL_PATTERN } from '../../../schemas/image/source.ts'
import {
  CLUSTER_VIRTUAL_IMAGE,
  type KindDef,
  VIRTUAL_DISK,
  VIRTUAL_IMAGE,
  VIRTUAL_MACHINE,
  VIRTUAL_MACHINE_CLASS,
  VIRTUAL_MACHINE_OPERATION,
} from '../../../schemas/index.ts'
import { facts, readCrd } from './crd.ts'

const KINDS: readonly KindDef[] = [
  VIRTUAL_MACHINE,
  VIRTUAL_MACHINE_CLASS,
  VIRTUAL_DISK,
  VIRTUAL_IMAGE,
  CLUSTER_VIRTUAL_IMAGE,
  VIRTUAL_MACHINE_OPERATION,
]

const CASES = KINDS.flatMap((kind) => kind.versions.map((version) => ({ kind, version, name: version.name })))

interface Difference {
  readonly at: RegExp
  readonly because: string
}

const ACCEPTED: readonly Difference[] = [
  {
    at: /^(apiVersion|kind|metadata) type$/,
    because: 'the API server adds these fields to every schema',
  },
  {
    at: /^status x-kubernetes-preserve-unknown-fields$/,
    because: 'the status may have fields of ours, which older clients must not lose',
  },
  {
    at: /^spec\.dataSource\.http\.url pattern$/,
    because:
      "the same texts match, without the overlapping alternatives that make a backtracking engine's time explode",
  },
  {
    at: /^spec\.dataSource\.containerImage\.image pattern$/,
    because: 'the same texts match: named groups as JavaScript writes them, and no overlapping separators',
  },
  {
    at: /^spec\.sizingPolicies\[\]\.defaultCoreFraction anyOf$/,
    because: 'v1alpha2 only: the CEL rule (1 to 100, or Auto) is part of the schema, since rules see v1alpha3',
  },
]

/** Differences that DVP's kind and ours have at all, as `path keyword: theirs -> ours`. */
function differences(theirs: Map<string, string>, ours: Map<string, string>): readonly string[] {
  const keys = [...new Set([...theirs.keys(), ...ours.keys()])].sort()
  return keys.filter((key) => theirs.get(key) !== ours.get(key))
}

const seen = new Set<Difference>()

describe.each(CASES)('$kind.kind $name', ({ kind, version, name }) => {
  const crd = readCrd(kind.plural)
  const theirs = crd.versions.find((each) => each.name === name)

  it('is the same kind', () => {
    expect({
      group: kind.group,
      kind: kind.kind,
      plural: kind.plural,
      singular: kind.singular,
      shortNames: kind.shortNames,
      categories: kind.categories,
      scope: kind.namespaced ? 'Namespaced' : 'Cluster',
      status: kind.hasStatus,
    }).toEqual({
      group: crd.group,
      kind: crd.names.kind,
      plural: crd.names.plural,
      singular: crd.names.singular,
      shortNames: crd.names.shortNames,
      categories: crd.names.categories,
      scope: crd.scope,
      status: theirs?.subresources?.status !== undefined,
    })
    expect(kind.versions.map((each) => each.name).sort()).toEqual(crd.versions.map((each) => each.name).sort())
  })

  it('has the same columns', () => {
    expect(version.columns).toEqual(
      theirs?.additionalPrinterColumns.map(({ name: title, type, jsonPath, priority = 0 }) => ({
        name: title,
        type,
        jsonPath,
        priority,
      })),
    )
  })

  it('has the same fields with the same types, enums, defaults, patterns, limits and requirements', () => {
    const left = differences(facts(theirs?.schema.openAPIV3Schema), facts(version.schema)).filter((difference) => {
      const accepted = ACCEPTED.find(({ at }) => at.test(difference))
      if (accepted) seen.add(accepted)
      return accepted === undefined
    })
    expect(left).toEqual([])
  })
})

it('lists no difference that is not there', () => {
  expect(ACCEPTED.filter((difference) => !seen.has(difference))).toEqual([])
})

it('compares more than nothing', () => {
  expect(facts(VIRTUAL_MACHINE.versions[0]?.schema).size).toBeGreaterThan(300)
})

describe('patterns in another form', () => {
  const schema = readCrd('virtualdisks').versions[0]?.schema.openAPIV3Schema
  const fact = (path: string): string => JSON.parse(facts(schema).get(`${path} pattern`) ?? '""')
  const theirUrl = new RegExp(fact('spec.dataSource.http.url'))
  const theirImage = new RegExp(fact('spec.dataSource.containerImage.image').replaceAll('(?P<', '(?<'))

  // Short texts only: the originals take exponential time on long ones.
  it('takes the same URLs', () => {
    const character = fc.constantFrom(...' !"#$%&\'()*+,-./09:;<=>?@AZ[\\]^_`az{|}~é%41')
    const text = fc.string({ unit: character, maxLength: 12 }).map((rest) => `http://${rest}`)
    fc.assert(
      fc.property(text, (url) => {
        expect(new RegExp(URL_PATTERN).test(url)).toBe(theirUrl.test(url))
      }),
      { numRuns: 3000 },
    )
  })

  it('takes the same image references', () => {
    const character = fc.constantFrom(...'aZ0_.-/:@+[\\]^;=~')
    const text = fc
      .tuple(fc.string({ unit: character, maxLength: 10 }), fc.string({ unit: character, maxLength: 8 }), fc.boolean())
      .map(([name, algorithm, digest]) => (digest ? `a${name}@a${algorithm}:${'0f'.repeat(16)}` : name))
    for (const flags of ['', 'u']) {
      const ours = new RegExp(IMAGE_PATTERN, flags)
      fc.assert(
        fc.property(text, (image) => {
          expect(ours.test(image)).toBe(theirImage.test(image))
        }),
        { numRuns: 5000 },
      )
    }
  })

  it('refuses long texts at once', () => {
    const start = performance.now()
    expect(new RegExp(URL_PATTERN).test(`http://${'0'.repeat(100_000)} `)).toBe(false)
    expect(new RegExp(IMAGE_PATTERN).test(`a@${'A'.repeat(100_000)}`)).toBe(false)
    expect(performance.now() - start).toBeLessThan(1000)
  })
})

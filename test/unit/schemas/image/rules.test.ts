import { describe, expect, it } from 'vitest'
import {
  imageIsNotItsOwnSource,
  namespacedRefHasNamespace,
  objectRefIsBuilt,
  refNamespaceIsShort,
  sourceIsValid,
  specIsFrozenWhenReady,
  storageIsBuilt,
  VIRTUAL_IMAGE_RULES,
} from '../../../../schemas/image/rules.ts'
import type { ClusterVirtualImage, VirtualImage } from '../../../../schemas/index.ts'
import { checkRules } from '../expect.ts'
import { clusterVirtualImage as cvi, httpSource, virtualImage as vi } from '../samples.ts'

type Kind = 'VirtualImage' | 'ClusterVirtualImage' | 'VirtualDisk' | 'VirtualDiskSnapshot'
type Source = ClusterVirtualImage['spec']['dataSource']

const ref = (kind: Kind, name: string, namespace?: string): Source => ({
  type: 'ObjectRef',
  objectRef: { kind, name, ...(namespace !== undefined && { namespace }) },
})
const other = { type: 'HTTP', http: { url: 'https://example.org/other.qcow2' } } as const
const builtWords = /is not built yet in Berth$/
const REF = 'spec.dataSource.objectRef'

checkRules<VirtualImage | ClusterVirtualImage>([
  {
    rule: sourceIsValid,
    good: [[vi()], [cvi(httpSource)]],
    bad: [[vi({ dataSource: { type: 'HTTP' } }), 'spec.dataSource.http', /requires the field http/]],
  },
  {
    rule: imageIsNotItsOwnSource,
    good: [
      [vi()],
      [vi({ dataSource: ref('VirtualImage', 'two') })],
      [vi({ dataSource: ref('ClusterVirtualImage', 'one') })],
      [cvi(ref('VirtualImage', 'one', 'default'))],
    ],
    bad: [
      [vi({ dataSource: ref('VirtualImage', 'one') }), REF, /VirtualImage "one" cannot be its own source/],
      [cvi(ref('ClusterVirtualImage', 'one')), REF, /ClusterVirtualImage "one" cannot be its own source/],
    ],
  },
  {
    rule: objectRefIsBuilt,
    good: [[vi()], [vi({ dataSource: ref('VirtualImage', 'one') })]],
    bad: [
      [vi({ dataSource: ref('VirtualImage', 'two') }), 'spec.dataSource.type', builtWords],
      [cvi(ref('VirtualDisk', 'd', 'default')), 'spec.dataSource.type', builtWords],
    ],
  },
  {
    rule: specIsFrozenWhenReady,
    good: [
      [vi({ dataSource: other }), vi({}, { phase: 'Provisioning' })],
      [vi(), vi({}, { phase: 'Ready' })],
      [cvi(httpSource), cvi(httpSource, { phase: 'Ready' })],
    ],
    bad: [
      [vi({ dataSource: other }), 'spec', /once the image is ready/, vi({}, { phase: 'Ready' })],
      [cvi(other), 'spec', /once the image is ready/, cvi(httpSource, { phase: 'Ready' })],
      [
        cvi(other),
        'spec',
        /once the image is ready/,
        cvi(httpSource, {
          phase: 'Terminating',
          conditions: [
            {
              type: 'Ready',
              status: 'True',
              reason: 'Ready',
              message: '',
              lastTransitionTime: '2026-01-01T00:00:00Z',
            },
          ],
        }),
      ],
    ],
  },
])

checkRules<VirtualImage>([
  {
    rule: storageIsBuilt,
    good: [[vi()], [vi({ persistentVolumeClaim: {} })]],
    bad: [
      [vi({ storage: 'PersistentVolumeClaim' }), 'spec.storage', builtWords],
      [vi({ storage: 'Kubernetes' }), 'spec.storage', builtWords],
      [
        vi({ persistentVolumeClaim: { storageClassName: 'fast' } }),
        'spec.persistentVolumeClaim.storageClassName',
        builtWords,
      ],
    ],
  },
])

checkRules<ClusterVirtualImage>([
  {
    rule: namespacedRefHasNamespace,
    good: [
      [cvi(httpSource)],
      [cvi(ref('ClusterVirtualImage', 'two'))],
      ...(['VirtualImage', 'VirtualDisk', 'VirtualDiskSnapshot'] as const).map(
        (kind) => [cvi(ref(kind, 'x', 'default'))] as const,
      ),
    ],
    bad: (['VirtualImage', 'VirtualDisk', 'VirtualDiskSnapshot'] as const).flatMap((kind) => [
      [cvi(ref(kind, 'x')), `${REF}.namespace`, /namespace is required/] as const,
      [cvi(ref(kind, 'x', '')), `${REF}.namespace`, /namespace is required/] as const,
    ]),
  },
  {
    rule: refNamespaceIsShort,
    good: [[cvi(httpSource)], [cvi(ref('VirtualDisk', 'x', 'n'.repeat(63)))]],
    bad: [[cvi(ref('VirtualDisk', 'x', 'n'.repeat(64))), `${REF}.namespace`, /no longer than 63/]],
  },
])

describe('a circle', () => {
  it('is the only thing said about an image that names itself', () => {
    const errors = VIRTUAL_IMAGE_RULES.flatMap((rule) => rule(vi({ dataSource: ref('VirtualImage', 'one') }), null))
    expect(errors.map(({ path, reason }) => [path, reason])).toEqual([[REF, 'FieldValueInvalid']])
  })
})

import { expect, it } from 'vitest'
import { STORAGE_CLASS, type StorageClass } from '../../../../schemas/index.ts'
import {
  classIsImmutable,
  optionsAreBuilt,
  parametersAreKnown,
  pathIsAbsolute,
  provisionerIsDir,
  sharedHasPath,
} from '../../../../schemas/storageclass/rules.ts'
import { admit } from '../../../support/validate.ts'
import { checkRules } from '../expect.ts'
import { metadata } from '../samples.ts'

const sc = (fields: Partial<StorageClass> = {}): StorageClass => ({
  apiVersion: 'storage.k8s.io/v1',
  kind: 'StorageClass',
  metadata: metadata('local'),
  provisioner: 'berth/dir',
  ...fields,
})
const path = (text: string) => sc({ parameters: { path: text } })
const builtWords = /is not built yet in Berth$/

checkRules<StorageClass>([
  {
    rule: provisionerIsDir,
    good: [[sc()]],
    bad: [[sc({ provisioner: 'kubernetes.io/no-provisioner' }), 'provisioner', /only provisioner is berth\/dir/]],
  },
  {
    rule: parametersAreKnown,
    good: [[sc()], [sc({ parameters: {} })], [path('/srv')]],
    bad: [
      [sc({ parameters: { path: '/srv', fsType: 'ext4' } }), 'parameters.fsType', /the parameters are path, shared/],
    ],
  },
  {
    rule: sharedHasPath,
    good: [[sc()], [sc({ parameters: { path: '/srv', shared: 'true' } })], [sc({ parameters: { shared: 'false' } })]],
    bad: [
      [sc({ parameters: { shared: 'true' } }), 'parameters.path', /needs the folder that is the same on all hosts/],
      [sc({ parameters: { path: '/srv', shared: 'yes' } }), 'parameters.shared', /is not one of "true", "false"/],
    ],
  },
  {
    rule: pathIsAbsolute,
    good: [[sc()], [path('/srv/disks')]],
    bad: ['', 'srv', './srv', '/', '/srv/', '/srv/../etc', '/srv//a', '/srv/./a', '/srv\0'].map((text) => [
      path(text),
      'parameters.path',
      /absolute path of a folder/,
    ]),
  },
  {
    rule: classIsImmutable,
    good: [[sc()], [sc({ allowVolumeExpansion: true }), sc()]],
    bad: [
      [path('/a'), 'parameters', /immutable/, path('/b')],
      [sc(), 'provisioner', /immutable/, sc({ provisioner: 'x' })],
      [sc({ reclaimPolicy: 'Delete' }), 'reclaimPolicy', /immutable/, sc({ reclaimPolicy: 'Retain' })],
      [
        sc({ volumeBindingMode: 'Immediate' }),
        'volumeBindingMode',
        /immutable/,
        sc({ volumeBindingMode: 'WaitForFirstConsumer' }),
      ],
    ],
  },
  {
    rule: optionsAreBuilt,
    good: [[sc()], [sc({ reclaimPolicy: 'Delete', volumeBindingMode: 'WaitForFirstConsumer', mountOptions: [] })]],
    bad: [
      [sc({ reclaimPolicy: 'Retain' }), 'reclaimPolicy', builtWords],
      [sc({ allowVolumeExpansion: false }), 'allowVolumeExpansion', builtWords],
      [sc({ mountOptions: ['noatime'] }), 'mountOptions', builtWords],
      [sc({ allowedTopologies: [{}] }), 'allowedTopologies', builtWords],
    ],
  },
])

it('gets defaults', () => {
  expect(admit(STORAGE_CLASS, sc())).toMatchObject({
    errors: [],
    object: { reclaimPolicy: 'Delete', volumeBindingMode: 'Immediate', allowVolumeExpansion: true },
  })
})

// What is wrong with a StorageClass beyond its schema.
import { isAbsolute, normalize } from 'node:path'
import { isDeepStrictEqual } from 'node:util'
import type { FieldError } from '../../lib/errors.ts'
import { forbidden, invalid, notBuilt, notSupported, required, ruleOf, when } from '../errors.ts'
import type { Rule } from '../kind.ts'
import type { StorageClass } from './schema.ts'

/** The one driver: qcow2 files in a folder of the host. */
export const DIR_PROVISIONER = 'berth/dir'

type Check = (storageClass: StorageClass, old: StorageClass | null) => readonly FieldError[]

export const provisionerIsDir: Check = ({ provisioner }) =>
  when(provisioner !== DIR_PROVISIONER, () =>
    notSupported('provisioner', `"${provisioner}" is unknown; the only provisioner is ${DIR_PROVISIONER}`),
  )

const PARAMETERS = ['path', 'shared']

export const parametersAreKnown: Check = ({ parameters = {} }) =>
  Object.keys(parameters).flatMap((key) =>
    when(!PARAMETERS.includes(key), () =>
      notSupported(`parameters.${key}`, `is unknown; the parameters are ${PARAMETERS.join(', ')}`),
    ),
  )

/** Only a folder of its own can be the same on several hosts: the state folder is each host's. */
export const sharedHasPath: Check = ({ parameters = {} }) => {
  const { shared, path } = parameters
  return [
    ...when(shared !== undefined && shared !== 'true' && shared !== 'false', () =>
      notSupported('parameters.shared', `"${shared}" is not one of "true", "false"`),
    ),
    ...when(shared === 'true' && path === undefined, () =>
      required('parameters.path', 'a shared class needs the folder that is the same on all hosts'),
    ),
  ]
}

/** The folder for disks, in a form without detours, so that two classes with the same folder have the same text. */
export const pathIsAbsolute: Check = ({ parameters }) => {
  const path = parameters?.path
  return when(path !== undefined && !isPlainFolder(path), () =>
    invalid('parameters.path', 'must be an absolute path of a folder below "/", without "..", "//" or "/" at its end'),
  )
}

const isPlainFolder = (path: string): boolean =>
  isAbsolute(path) && path !== '/' && !path.includes('\0') && normalize(path) === path && !path.endsWith('/')

const FROZEN = ['provisioner', 'parameters', 'reclaimPolicy', 'volumeBindingMode'] as const

/** Disks were made by these rules; another class is the way to others. */
export const classIsImmutable: Check = (storageClass, old) =>
  FROZEN.flatMap((field) =>
    when(old !== null && !isDeepStrictEqual(storageClass[field], old[field]), () => forbidden(field, 'is immutable')),
  )

export const optionsAreBuilt: Check = (storageClass) => [
  ...when(storageClass.reclaimPolicy === 'Retain', () => notBuilt('reclaimPolicy', 'the reclaim policy Retain')),
  ...when(storageClass.allowVolumeExpansion === false, () =>
    notBuilt('allowVolumeExpansion', 'a class whose disks cannot grow'),
  ),
  ...when(Boolean(storageClass.mountOptions?.length), () => notBuilt('mountOptions', 'mount options')),
  ...when(Boolean(storageClass.allowedTopologies?.length), () => notBuilt('allowedTopologies', 'allowed topologies')),
]

export const STORAGE_CLASS_RULES: readonly Rule[] = [
  provisionerIsDir,
  parametersAreKnown,
  sharedHasPath,
  pathIsAbsolute,
  classIsImmutable,
  optionsAreBuilt,
].map(ruleOf)

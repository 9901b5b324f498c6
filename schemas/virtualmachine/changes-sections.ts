// Changes of the sections with a logic of their own: placement, provisioning, networks.
import { isDeepStrictEqual } from 'node:util'
import { compareValues, type SpecChange, type SpecFragment } from './changes-values.ts'

const PLACEMENT = ['topologySpreadConstraints', 'affinity', 'nodeSelector', 'tolerations'] as const

/** Without a live migration only a restart takes a VM elsewhere. */
export const comparePlacement = (current: SpecFragment, desired: SpecFragment): readonly SpecChange[] =>
  PLACEMENT.flatMap((field) => compareValues(field, current[field], desired[field], { action: 'Restart' }))

/** The guest reads its provisioning at boot; taking cloud-init's disk away can be done at any time. */
export function compareProvisioning(current: SpecFragment, desired: SpecFragment): readonly SpecChange[] {
  const was = current.provisioning
  const is = desired.provisioning
  if (!was || !is) {
    const immediate = was !== undefined && was.type !== 'SysprepRef'
    return compareValues('provisioning', was, is, { action: immediate ? 'ApplyImmediate' : 'Restart' })
  }
  const action = 'Restart'
  if (was.type !== is.type) {
    return [{ path: 'provisioning', operation: 'replace', currentValue: was.type, desiredValue: is.type, action }]
  }
  if (is.type === 'UserData') return compareValues('provisioning.userData', was.userData, is.userData, { action })
  const field = is.type === 'UserDataRef' ? 'userDataRef' : 'sysprepRef'
  return (['kind', 'name'] as const).flatMap((key) =>
    compareValues(`provisioning.${field}.${key}`, was[field]?.[key], is[field]?.[key], { action }),
  )
}

type Networks = NonNullable<SpecFragment['networks']>

/** No networks at all means the main one alone. */
const MAIN_ONLY: Networks = [{ type: 'Main', id: 1 }]

const hasMain = (networks: Networks): boolean =>
  networks.length === 0 || networks.some((network) => network.type === 'Main')

/** Numbers that only appear where there were none are bookkeeping. */
const differsOnlyInNewIds = (was: Networks, is: Networks): boolean =>
  was.length === is.length &&
  was.every((network, index) =>
    isDeepStrictEqual({ ...network, id: network.id ?? is[index]?.id }, { ...is[index], id: is[index]?.id }),
  )

/** Additional networks come and go while the guest runs; the main one takes a restart. */
export function compareNetworks(current: SpecFragment, desired: SpecFragment): readonly SpecChange[] {
  const was = current.networks ?? []
  const is = desired.networks ?? []
  if (was.length > 0 && differsOnlyInNewIds(was, is)) return []
  const action = hasMain(was) === hasMain(is) ? 'ApplyImmediate' : 'Restart'
  return compareValues('networks', was, is, { action, fallback: MAIN_ONLY })
}

// The differences between two specs of a VM and what each of them asks for: nothing, a change in flight, or a restart.
// Apply modes are DVP's without feature gates. Pure: who calls decides what to do about it.
import { isDeepStrictEqual } from 'node:util'
import { compareBlockDevices } from './changes-devices.ts'
import { compareNetworks, comparePlacement, compareProvisioning } from './changes-sections.ts'
import { type ApplyAction, compareValues, type SpecChange, type SpecFragment, sameSize } from './changes-values.ts'

export type { ApplyAction, SpecChange } from './changes-values.ts'

/** Fields with one value each: DVP's default where it has one, and what a change asks for. */
const FIELDS: readonly {
  readonly path: keyof SpecFragment
  readonly fallback?: unknown
  readonly action: ApplyAction
}[] = [
  { path: 'virtualMachineClassName', action: 'Restart' },
  { path: 'runPolicy', action: 'ApplyImmediate' },
  { path: 'virtualMachineIPAddressName', action: 'Restart' },
  { path: 'priorityClassName', action: 'Restart' },
  { path: 'terminationGracePeriodSeconds', fallback: 60, action: 'Restart' },
  { path: 'enableParavirtualization', fallback: true, action: 'Restart' },
  { path: 'osType', fallback: 'Generic', action: 'Restart' },
  { path: 'bootloader', fallback: 'BIOS', action: 'Restart' },
  { path: 'liveMigrationPolicy', fallback: 'PreferSafe', action: 'ApplyImmediate' },
]

const DEFAULT_CORE_FRACTION = '100%'

/** Cores and fraction apart, or the whole section when both changed. */
function compareCpu(current: SpecFragment, desired: SpecFragment): readonly SpecChange[] {
  const cores = compareValues('cpu.cores', current.cpu?.cores, desired.cpu?.cores, { action: 'Restart' })
  const fraction = compareValues('cpu.coreFraction', current.cpu?.coreFraction, desired.cpu?.coreFraction, {
    action: 'Restart',
    fallback: DEFAULT_CORE_FRACTION,
  })
  if (cores.length === 0 || fraction.length === 0) return [...cores, ...fraction]
  return [
    { path: 'cpu', operation: 'replace', currentValue: current.cpu, desiredValue: desired.cpu, action: 'Restart' },
  ]
}

const compareMemory = (current: SpecFragment, desired: SpecFragment): readonly SpecChange[] =>
  compareValues('memory.size', current.memory?.size, desired.memory?.size, { action: 'Restart', equal: sameSize })

/** Whether a restart is asked for is read anew each time: no change of it needs anything. */
function compareDisruptions(current: SpecFragment, desired: SpecFragment): readonly SpecChange[] {
  const whole = compareValues('disruptions', current.disruptions, desired.disruptions, { action: 'None' })
  if (whole[0]?.operation !== 'replace') return whole
  return compareValues(
    'disruptions.restartApprovalMode',
    current.disruptions?.restartApprovalMode,
    desired.disruptions?.restartApprovalMode,
    { action: 'None', fallback: 'Manual' },
  )
}

/** USB devices come and go while the guest runs. */
const compareUsbDevices = (current: SpecFragment, desired: SpecFragment): readonly SpecChange[] =>
  compareValues('usbDevices', current.usbDevices, desired.usbDevices, { action: 'ApplyImmediate' })

/** The order of GPUs means nothing. */
const compareGpus = (current: SpecFragment, desired: SpecFragment): readonly SpecChange[] => {
  const sorted = (list: SpecFragment['gpus']) => list?.map(({ gpuClassName }) => gpuClassName).sort()
  return compareValues('gpus', current.gpus, desired.gpus, {
    action: 'Restart',
    equal: () => isDeepStrictEqual(sorted(current.gpus), sorted(desired.gpus)),
  })
}

const compareFields = (current: SpecFragment, desired: SpecFragment): readonly SpecChange[] =>
  FIELDS.flatMap(({ path, fallback, action }) =>
    compareValues(path, current[path], desired[path], { action, fallback }),
  )

const COMPARISONS = [
  compareFields,
  comparePlacement,
  compareDisruptions,
  compareCpu,
  compareMemory,
  compareBlockDevices,
  compareProvisioning,
  compareNetworks,
  compareUsbDevices,
  compareGpus,
]

/** All changes from what runs to what is asked for. Parts of specs do as well. */
export const compareSpecs = (current: SpecFragment, desired: SpecFragment): readonly SpecChange[] =>
  COMPARISONS.flatMap((compare) => compare(current, desired))

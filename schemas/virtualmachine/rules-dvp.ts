// DVP's rules across fields of a VirtualMachine: its CEL rules, one function each.
import type { FieldError } from '../../lib/errors.ts'
import { forbidden, invalid, tooLong, when } from '../errors.ts'
import type { VirtualMachine } from './schema.ts'

type Check = (vm: VirtualMachine) => readonly FieldError[]

/** Longest inline user data, in bytes of UTF-8; a Secret holds more. */
export const USER_DATA_LIMIT = 2048

/** The most disks that IDE has places for. */
const IDE_LIMIT = 4

export const coreFractionIsPercentage: Check = ({ spec: { cpu } }) =>
  when(cpu.coreFraction !== undefined && !isFraction(cpu.coreFraction), () =>
    invalid('spec.cpu.coreFraction', `must be Auto or a percentage between 1% and 100%, not "${cpu.coreFraction}"`),
  )

function isFraction(text: string): boolean {
  if (text === 'Auto') return true
  const percent = /^(\d{1,3})%$/.exec(text)?.[1]
  return percent !== undefined && Number(percent) >= 1 && Number(percent) <= 100
}

export const legacyBootsFromBios: Check = ({ spec }) =>
  when(spec.osType === 'Legacy' && (spec.bootloader ?? 'BIOS') !== 'BIOS', () =>
    invalid('spec.bootloader', 'the osType Legacy requires the bootloader BIOS'),
  )

export const legacyHasNoProvisioning: Check = ({ spec }) =>
  when(spec.osType === 'Legacy' && spec.provisioning !== undefined, () =>
    forbidden('spec.provisioning', 'the osType Legacy has neither cloud-init nor Sysprep'),
  )

export const legacyIdeHasFourPlaces: Check = ({ spec }) =>
  when(
    spec.osType === 'Legacy' && spec.enableParavirtualization === false && spec.blockDeviceRefs.length > IDE_LIMIT,
    () =>
      invalid(
        'spec.blockDeviceRefs',
        `the osType Legacy without paravirtualization takes at most ${IDE_LIMIT} block devices`,
      ),
  )

/** DVP counts characters but names bytes, and what runs its VMs refuses more than that many bytes. */
export const userDataFits: Check = ({ spec: { provisioning } }) => {
  const bytes = Buffer.byteLength(provisioning?.userData ?? '', 'utf8')
  return when(bytes > USER_DATA_LIMIT, () =>
    tooLong(
      'spec.provisioning.userData',
      `has ${bytes} bytes, ${USER_DATA_LIMIT} are allowed; put larger data into a Secret and use userDataRef`,
    ),
  )
}

export const DVP_CHECKS: readonly Check[] = [
  coreFractionIsPercentage,
  legacyBootsFromBios,
  legacyHasNoProvisioning,
  legacyIdeHasFourPlaces,
  userDataFits,
]

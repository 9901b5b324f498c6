// Fields of DVP's VirtualMachine that nobody acts on yet: any value but DVP's default is refused.
import type { FieldError } from '../../lib/errors.ts'
import { notBuilt, when } from '../errors.ts'
import type { VirtualMachine } from './schema.ts'

type Check = (vm: VirtualMachine) => readonly FieldError[]

export const osTypeIsBuilt: Check = ({ spec: { osType } }) =>
  when(osType === 'Legacy', () => notBuilt('spec.osType', 'the osType Legacy'))

export const bootloaderIsBuilt: Check = ({ spec: { bootloader } }) =>
  when(bootloader === 'EFIWithSecureBoot', () => notBuilt('spec.bootloader', 'the bootloader EFIWithSecureBoot'))

export const provisioningIsBuilt: Check = ({ spec: { provisioning } }) =>
  when(provisioning?.type === 'SysprepRef', () => notBuilt('spec.provisioning.type', 'the provisioning SysprepRef'))

export const coreFractionIsBuilt: Check = ({ spec: { cpu } }) =>
  when(cpu.coreFraction === 'Auto', () => notBuilt('spec.cpu.coreFraction', 'the core fraction Auto'))

export const paravirtualizationIsOn: Check = ({ spec }) =>
  when(spec.enableParavirtualization === false, () =>
    notBuilt('spec.enableParavirtualization', 'a VM without paravirtualization'),
  )

export const addressNameIsBuilt: Check = ({ spec }) =>
  when(spec.virtualMachineIPAddressName !== undefined, () =>
    notBuilt('spec.virtualMachineIPAddressName', 'a named IP address'),
  )

export const networksAreBuilt: Check = ({ spec: { networks = [] } }) =>
  networks.flatMap((network, index) => {
    const path = `spec.networks[${index}]`
    return [
      ...when(network.type !== 'Main', () => notBuilt(`${path}.type`, `a network of the type ${network.type}`)),
      ...when(network.virtualMachineMACAddressName !== undefined, () =>
        notBuilt(`${path}.virtualMachineMACAddressName`, 'a named MAC address'),
      ),
      ...when(network.ipAddressName !== undefined, () => notBuilt(`${path}.ipAddressName`, 'a named IP address')),
    ]
  })

export const usbDevicesAreBuilt: Check = ({ spec }) =>
  when(Boolean(spec.usbDevices?.length), () => notBuilt('spec.usbDevices', 'attaching USB devices'))

export const gpusAreBuilt: Check = ({ spec }) =>
  when(Boolean(spec.gpus?.length), () => notBuilt('spec.gpus', 'attaching GPUs'))

export const BUILT_CHECKS: readonly Check[] = [
  osTypeIsBuilt,
  bootloaderIsBuilt,
  provisioningIsBuilt,
  coreFractionIsBuilt,
  paravirtualizationIsOn,
  addressNameIsBuilt,
  networksAreBuilt,
  usbDevicesAreBuilt,
  gpusAreBuilt,
]

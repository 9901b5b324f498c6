import {
  addressNameIsBuilt,
  bootloaderIsBuilt,
  coreFractionIsBuilt,
  gpusAreBuilt,
  networksAreBuilt,
  osTypeIsBuilt,
  paravirtualizationIsOn,
  provisioningIsBuilt,
  usbDevicesAreBuilt,
} from '../../../../schemas/virtualmachine/rules-built.ts'
import { checkRules } from '../expect.ts'
import { virtualMachine as vm } from '../samples.ts'

const words = /is not built yet in Berth$/
const secret = { kind: 'Secret', name: 's' } as const

checkRules([
  {
    rule: osTypeIsBuilt,
    good: [[vm()], [vm({ osType: 'Windows' })]],
    bad: [[vm({ osType: 'Legacy' }), 'spec.osType', words]],
  },
  {
    rule: bootloaderIsBuilt,
    good: [[vm()], [vm({ bootloader: 'EFI' })]],
    bad: [[vm({ bootloader: 'EFIWithSecureBoot' }), 'spec.bootloader', words]],
  },
  {
    rule: provisioningIsBuilt,
    good: [[vm()], [vm({ provisioning: { type: 'UserDataRef', userDataRef: secret } })]],
    bad: [[vm({ provisioning: { type: 'SysprepRef', sysprepRef: secret } }), 'spec.provisioning.type', words]],
  },
  {
    rule: coreFractionIsBuilt,
    good: [[vm({ cpu: { cores: 1, coreFraction: '10%' } })]],
    bad: [[vm({ cpu: { cores: 1, coreFraction: 'Auto' } }), 'spec.cpu.coreFraction', words]],
  },
  {
    rule: paravirtualizationIsOn,
    good: [[vm()]],
    bad: [[vm({ enableParavirtualization: false }), 'spec.enableParavirtualization', words]],
  },
  {
    rule: addressNameIsBuilt,
    good: [[vm()]],
    bad: [[vm({ virtualMachineIPAddressName: 'ip' }), 'spec.virtualMachineIPAddressName', words]],
  },
  {
    rule: networksAreBuilt,
    good: [[vm()], [vm({ networks: [] })], [vm({ networks: [{ type: 'Main', id: 1 }] })]],
    bad: [
      [vm({ networks: [{ type: 'Main' }, { type: 'Network', name: 'n' }] }), 'spec.networks[1].type', words],
      [vm({ networks: [{ type: 'ClusterNetwork', name: 'n' }] }), 'spec.networks[0].type', words],
      [
        vm({ networks: [{ type: 'Main', virtualMachineMACAddressName: 'm' }] }),
        'spec.networks[0].virtualMachineMACAddressName',
        words,
      ],
      [vm({ networks: [{ type: 'Main', ipAddressName: 'i' }] }), 'spec.networks[0].ipAddressName', words],
    ],
  },
  {
    rule: usbDevicesAreBuilt,
    good: [[vm()], [vm({ usbDevices: [] })]],
    bad: [[vm({ usbDevices: [{ name: 'u' }] }), 'spec.usbDevices', words]],
  },
  {
    rule: gpusAreBuilt,
    good: [[vm()], [vm({ gpus: [] })]],
    bad: [[vm({ gpus: [{ gpuClassName: 'g' }] }), 'spec.gpus', words]],
  },
])

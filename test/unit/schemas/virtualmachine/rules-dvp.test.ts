import {
  coreFractionIsPercentage,
  legacyBootsFromBios,
  legacyHasNoProvisioning,
  legacyIdeHasFourPlaces,
  userDataFits,
} from '../../../../schemas/virtualmachine/rules-dvp.ts'
import { checkRules } from '../expect.ts'
import { virtualMachine as vm } from '../samples.ts'

const userData = (text: string) => vm({ provisioning: { type: 'UserData', userData: text } })
const fraction = (coreFraction: string) => vm({ cpu: { cores: 1, coreFraction } })
const disks = (count: number) =>
  Array.from({ length: count }, (_, index) => ({ kind: 'VirtualDisk', name: `d${index}` }) as const)

checkRules([
  {
    rule: coreFractionIsPercentage,
    good: [[vm()], [fraction('Auto')], [fraction('1%')], [fraction('100%')]],
    bad: ['0%', '101%', '50', 'auto', '5.5%', '-1%', '999%', '%'].map((text) => [
      fraction(text),
      'spec.cpu.coreFraction',
      /between 1% and 100%/,
    ]),
  },
  {
    rule: legacyBootsFromBios,
    good: [[vm({ osType: 'Legacy' })], [vm({ bootloader: 'EFI' })]],
    bad: [[vm({ osType: 'Legacy', bootloader: 'EFI' }), 'spec.bootloader', /requires the bootloader BIOS/]],
  },
  {
    rule: legacyHasNoProvisioning,
    good: [[vm({ osType: 'Legacy' })], [userData('#cloud-config')]],
    bad: [
      [
        vm({ osType: 'Legacy', provisioning: { type: 'UserData', userData: '#cloud-config' } }),
        'spec.provisioning',
        /neither cloud-init nor Sysprep/,
      ],
    ],
  },
  {
    rule: legacyIdeHasFourPlaces,
    good: [
      [vm({ osType: 'Legacy', enableParavirtualization: false, blockDeviceRefs: disks(4) })],
      [vm({ osType: 'Legacy', blockDeviceRefs: disks(5) })],
      [vm({ enableParavirtualization: false, blockDeviceRefs: disks(5) })],
    ],
    bad: [
      [
        vm({ osType: 'Legacy', enableParavirtualization: false, blockDeviceRefs: disks(5) }),
        'spec.blockDeviceRefs',
        /at most 4/,
      ],
    ],
  },
  {
    rule: userDataFits,
    good: [[vm()], [userData('a'.repeat(2048))], [userData('é'.repeat(1024))]],
    bad: [
      [userData('a'.repeat(2049)), 'spec.provisioning.userData', /has 2049 bytes, 2048 are allowed.*userDataRef/],
      [userData('é'.repeat(1025)), 'spec.provisioning.userData', /has 2050 bytes/],
    ],
  },
])

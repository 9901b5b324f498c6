// What a VirtualMachineClass's conditions may say. Types and reasons are DVP's (vmclasscondition).
import { defineConditions } from '../../conditions.ts'

export const CLASS_CONDITIONS = defineConditions('VirtualMachineClass', {
  Ready: {
    means: 'Machines of the class can run here.',
    reasons: {
      SuitableNodesFound: { status: 'True', means: 'They can.' },
      NoSuitableNodesFound: {
        status: 'False',
        means: 'This host lacks a CPU model, a CPU feature or a label that the class asks for.',
        todo: 'Change `spec.cpu` or `spec.nodeSelector` of the class, or label the Node.',
      },
    },
  },
  Discovered: {
    means: 'A common CPU model was found for the hosts of the class.',
    reasons: {
      DiscoverySucceeded: {
        status: 'True',
        means:
          'The features are in `status.cpuFeatures.enabled`. They were found once and stay, whatever hosts come later.',
      },
      DiscoveryFailed: {
        status: 'False',
        means: 'No host has the labels of `spec.cpu.discovery.nodeSelector` and has told of its CPU.',
        todo: 'Label a Node, or create the class anew with another selector. It is tried again by itself.',
      },
      DiscoverySkip: { status: 'False', means: 'Nothing is searched for: the class says what its CPU is.' },
    },
  },
  InUse: {
    means: 'Machines name the class; it cannot be deleted before them.',
    reasons: {
      VirtualMachineClassInUse: {
        status: ['True', 'False'],
        means: 'The message names them, or says that there are none.',
      },
    },
  },
})

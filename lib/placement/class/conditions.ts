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
          'The message has the model and the hosts that it was made of, `status.cpuFeatures.enabled` the features. It is made anew when hosts or their CPUs change, but not while machines name the class: these were started with it, and the message says what has changed since.',
        todo: 'To have it made anew in spite of machines, create another class and let them name that.',
      },
      DiscoveryFailed: {
        status: 'False',
        means:
          'No host has the labels of `spec.cpu.discovery.nodeSelector` and has told of its CPU, or libvirt finds nothing in common; the message has the words of each host that was asked. It is tried again by itself.',
        todo: 'Label a Node, or create the class anew with another selector: CPUs of different vendors have nothing in common.',
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

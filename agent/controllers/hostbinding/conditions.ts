// What a HostBinding's condition may say.
import { type ConditionOf, defineConditions } from '../../../lib/conditions.ts'

export const BINDING_CONDITIONS = defineConditions('HostBinding', {
  Obeyed: {
    means: 'The host has made of the scheduler’s word what it says.',
    reasons: {
      Obeyed: { status: 'True', means: 'The object and all that it refers to are here as asked.' },
      Released: { status: 'True', means: 'Nothing of the object is left on this host; its epoch is remembered.' },
      Releasing: {
        status: 'False',
        means: 'The host is removing its copy: the machine ends, then its domain and files go.',
        todo: 'Wait. When it stays, `kubectl describe` the copy on its host: the message of its conditions has libvirt’s words.',
      },
      NameTaken: {
        status: 'False',
        means: 'The host has an object of its own with that name, which is never touched; the message names it.',
        todo: 'Rename or delete the one of the host at its agent, or the one of the cluster at the scheduler.',
      },
      ObjectRefused: {
        status: 'False',
        means:
          'The agent does not take an object as it came; the message says why. An older agent than the scheduler may be the cause.',
        todo: 'Mend the object, or bring the agent to the scheduler’s version.',
      },
      Waiting: { status: 'False', means: 'An earlier copy of that name has to go first.' },
    },
  },
})

export type BindingCondition = ConditionOf<typeof BINDING_CONDITIONS.table>

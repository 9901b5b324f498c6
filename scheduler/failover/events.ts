// Events about hosts that are lost and machines that go elsewhere.
import { defineEvents } from '../../lib/controllers/event-text.ts'

const NODE = 'Node'

export const FAILOVER_EVENTS = defineEvents({
  HostLost: {
    type: 'Warning',
    about: NODE,
    means: 'Its lease ran out.',
    todo: 'See the condition HostDead of the Node.',
  },
  HostDead: {
    type: 'Warning',
    about: NODE,
    means: 'It is known that nothing runs on the host; the message names the evidence.',
  },
  HostBack: {
    type: 'Normal',
    about: NODE,
    means: 'It is heard again. Copies of machines that went elsewhere meanwhile are ended there.',
  },
  FencingFailed: {
    type: 'Warning',
    about: NODE,
    means: 'The fencing command did not succeed; the message has its words.',
    todo: 'See the reason FencingFailed of the condition HostDead.',
  },
  FailoverFrozen: {
    type: 'Warning',
    about: NODE,
    means: 'More than half of the hosts were lost at once: nothing is failed over.',
    todo: 'See the reason FailoverFrozen of the condition HostDead.',
  },
  FailedOver: {
    type: 'Warning',
    about: 'VirtualMachine',
    means: 'It is started on another host because its own is dead; the message names both, and the evidence.',
  },
})

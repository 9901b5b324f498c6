import { expect, it } from 'vitest'
import { handoverRefusal } from '../../../../agent/migration/handover.ts'
import type { MoveBinding } from '../../../../agent/migration/records.ts'
import type { HandoverAsk } from '../../../../schemas/index.ts'

const binding = (side: 'Source' | 'Target') =>
  ({
    spec: { migration: { id: 'm', side, peer: { node: 'h1', url: 'https://h1:1' }, epoch: 2, options: {} } },
  }) as MoveBinding
const TARGET = binding('Target')
const ask = (ask: HandoverAsk['ask'], id = 'm'): HandoverAsk => ({ uid: 'u', id, ask })
const node = (name: string) => ({ user: `system:node:${name}`, groups: ['system:nodes'] })
const scheduler = { user: 'system:scheduler', groups: ['system:schedulers'] }
const stranger = { user: 'alice', groups: ['people'] }

it.each([
  ['the source finishes', ask('finish'), node('h1'), TARGET, true],
  ['the source prepares', ask('prepare'), node('h1'), TARGET, true],
  ['the source gives up', ask('abort'), node('h1'), TARGET, true],
  ['another host finishes', ask('finish'), node('h3'), TARGET, false],
  ['another host gives up', ask('abort'), node('h3'), TARGET, false],
  [
    'another host takes the name of the source without its certificate',
    ask('finish'),
    { user: 'h1', groups: ['system:nodes'] },
    TARGET,
    false,
  ],
  ['the scheduler finishes', ask('finish'), scheduler, TARGET, false],
  ['the scheduler looks', ask('state'), scheduler, TARGET, true],
  ['the scheduler gives up', ask('abort'), scheduler, TARGET, true],
  ['the source asks the wrong host', ask('finish'), node('h1'), binding('Source'), false],
  ['a finish of a migration that is not known', ask('finish', 'old'), node('h1'), TARGET, false],
  ['an end of a migration that is not known', ask('abort', 'old'), node('h1'), TARGET, true],
  ['a finish without any binding', ask('finish'), node('h1'), null, false],
  ['the target asks what there is', ask('manifest'), node('h2'), null, true],
  ['a stranger asks what there is', ask('manifest'), stranger, null, false],
  ['a stranger looks', ask('state'), stranger, TARGET, false],
])('%s: %s', (_title, question, caller, object, allowed) => {
  expect(handoverRefusal(question, caller, object) === null).toBe(allowed)
})

import { describe, expect, it } from 'vitest'
import {
  type Have,
  planVm,
  RESUME_EVERY_MS,
  SIGNAL_EVERY_MS,
  type Want,
} from '../../../../agent/controllers/virtualmachine/plan.ts'

const NOW = 1_000_000
const on: Want = {
  deleted: false,
  power: 'On',
  blocked: null,
  force: false,
  stopSince: null,
  graceMs: 60_000,
  onReboot: 'restart',
  devices: [],
  atRest: [],
}
const off: Want = { ...on, power: 'Off' }
const none: Have = {
  state: null,
  onReboot: 'restart',
  lastSignal: null,
  silent: false,
  persistent: true,
  loose: [],
  pausedByDisk: false,
  lastResume: null,
}
const running: Have = { ...none, state: 'running' }
const shutoff: Have = { ...none, state: 'shutoff' }

describe('the steps of a VM', () => {
  const rows: [string, Want, Have, string[]][] = [
    ['absent and wanted on: define and start', on, none, ['define-and-start']],
    ['off and wanted on: define anew and start', on, shutoff, ['define-and-start']],
    ['something is missing: no step', { ...on, blocked: 'VirtualDisk a does not exist' }, none, []],
    ['runs as wanted: nothing', on, running, []],
    ['manual and never decided, off: nothing', { ...on, power: 'AsIs' }, none, []],
    ['manual and never decided, running: nothing', { ...on, power: 'AsIs' }, running, []],
    ['off as wanted: nothing', off, shutoff, []],
    ['undefined behind our back: defined anew as it runs', on, { ...running, persistent: false }, ['persist']],
    ['its QEMU does not answer: nothing is asked of it', on, { ...running, silent: true, persistent: false }, ['wait']],
    ['its QEMU does not answer, wanted off: no signal', off, { ...running, silent: true }, ['wait']],
    [
      'its QEMU does not answer, out of patience: destroy',
      { ...off, stopSince: NOW - 60_000 },
      { ...running, silent: true },
      ['destroy'],
    ],
    ['off its bridge: plugged in', on, { ...running, loose: [{ device: 'vnet0', bridge: 'virbr0' }] }, ['plug']],
    ['paused by somebody: left so', on, { ...running, state: 'paused' }, []],
    [
      'a failed write paused it: let go on',
      on,
      { ...running, state: 'paused', pausedByDisk: true },
      ['resume', 'wait'],
    ],
    [
      'tried a moment ago: wait',
      on,
      { ...running, state: 'paused', pausedByDisk: true, lastResume: NOW - RESUME_EVERY_MS + 1 },
      ['wait'],
    ],
    [
      'tried a while ago: again',
      on,
      { ...running, state: 'paused', pausedByDisk: true, lastResume: NOW - RESUME_EVERY_MS },
      ['resume', 'wait'],
    ],
    [
      'paused by a failed write and wanted off: ended',
      off,
      { ...running, state: 'paused', pausedByDisk: true },
      ['destroy'],
    ],
    ['running and wanted off: signal, come back', off, running, ['shutdown', 'wait']],
    ['signalled just now: only wait', { ...off, stopSince: NOW - 10 }, { ...running, lastSignal: NOW - 10 }, ['wait']],
    [
      'signalled a while ago: again',
      { ...off, stopSince: NOW - 5_000 },
      { ...running, lastSignal: NOW - SIGNAL_EVERY_MS },
      ['shutdown', 'wait'],
    ],
    ['asked by an agent that died: signal again', { ...off, stopSince: NOW - 5_000 }, running, ['shutdown', 'wait']],
    [
      'out of patience: destroy',
      { ...off, stopSince: NOW - 60_000 },
      { ...running, lastSignal: NOW - 10 },
      ['destroy'],
    ],
    ['by force: destroy', { ...off, force: true }, running, ['destroy']],
    ['a paused guest cannot hear: destroy', off, { ...running, state: 'paused' }, ['destroy']],
    ['no patience at all: destroy', { ...off, graceMs: 0 }, running, ['destroy']],
    ['changes wait for a restart: a reboot shall end QEMU', { ...on, onReboot: 'destroy' }, running, ['set-on-reboot']],
    ['they do so already: nothing', { ...on, onReboot: 'destroy' }, { ...running, onReboot: 'destroy' }, []],
    ['on its way down though wanted on: wait for the end', on, { ...running, state: 'stopping' }, ['wait']],
    ['deleted while running: stop first', { ...off, deleted: true }, running, ['shutdown', 'wait']],
    ['deleted and off: undefine, clean up', { ...off, deleted: true }, shutoff, ['undefine', 'clean-up']],
    ['deleted and never defined: clean up', { ...off, deleted: true }, none, ['clean-up']],
  ]
  it.each(rows)('%s', (_title, want, have, expected) => {
    expect(planVm(want, have, NOW).map((step) => step.do)).toEqual(expected)
  })

  it('never waits beyond the deadline', () => {
    const [step] = planVm({ ...off, stopSince: NOW - 59_900 }, { ...running, lastSignal: NOW - 10 }, NOW)
    expect(step).toMatchObject({ do: 'wait', afterMs: 100 })
  })
})

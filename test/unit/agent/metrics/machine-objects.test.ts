import { expect, test } from 'vitest'
import { AGENT_METRICS } from '../../../../agent/metrics/catalogue.ts'
import { machineObjectsCollector } from '../../../../agent/metrics/machine-objects.ts'
import { objectsCollector } from '../../../../lib/metrics/objects.ts'
import { Samples } from '../../../../lib/metrics/samples.ts'
import type { KubeObject } from '../../../../lib/object.ts'
import type { Reader } from '../../../../lib/reconcile/reader.ts'

const VMS = 'virtualmachines.virtualization.deckhouse.io'
const condition = (type: string, status: string, reason: string) => ({
  type,
  status,
  reason,
  message: '',
  lastTransitionTime: '',
})

const vm = (name: string, spec: object, status: object | undefined): KubeObject =>
  ({
    kind: 'VirtualMachine',
    metadata: { name, namespace: 'n', uid: name },
    spec: {
      virtualMachineClassName: 'generic',
      cpu: { cores: 2, coreFraction: '50%' },
      memory: { size: '1Gi' },
      ...spec,
    },
    ...(status === undefined ? {} : { status }),
  }) as unknown as KubeObject

const readerOf = (objects: Readonly<Record<string, readonly KubeObject[]>>) =>
  ({ list: (resource: string) => objects[resource] ?? [], onChange: () => () => undefined }) as unknown as Reader

function lines(samples: Samples, start: string): string[] {
  return AGENT_METRICS.flatMap((def) => samples.linesOf(def)).filter((line) => line.startsWith(start))
}

test('a machine is told whether it should run: by its policy, and by what was done by hand', async () => {
  const samples = new Samples()
  const power = (marker: string) => ({ phase: 'Stopped', nodeName: '', berth: { power: { marker } } })
  await machineObjectsCollector(
    readerOf({
      [VMS]: [
        vm('default', {}, undefined),
        vm('stopped', {}, power('Stopped')),
        vm('always', { runPolicy: 'AlwaysOn' }, power('Stopped')),
        vm('off', { runPolicy: 'AlwaysOff' }, power('Started')),
        vm('manual', { runPolicy: 'Manual' }, undefined),
      ],
    }),
  ).collect(samples, new AbortController().signal)
  expect(lines(samples, 'berth_vm_should_run').map((line) => line.replace(/.*name="(\w+)"} /, '$1 '))).toEqual([
    'default 1',
    'stopped 0',
    'always 1',
    'off 0',
    'manual 0',
  ])
})

test('what its object says is told under the names of DVP; what it does not say is not told', async () => {
  const samples = new Samples()
  const running = {
    phase: 'Running',
    nodeName: 'h1',
    ipAddress: '10.0.0.2',
    stats: { lastStartTime: '2026-01-01T00:00:00Z' },
    resources: { cpu: { cores: 1 } },
    conditions: [
      condition('AwaitingRestartToApplyConfiguration', 'True', 'X'),
      condition('ConfigurationApplied', 'False', 'X'),
    ],
  }
  await machineObjectsCollector(readerOf({ [VMS]: [vm('web', {}, running)] })).collect(
    samples,
    new AbortController().signal,
  )
  const O = 'namespace="n",name="web",uid="web"'
  const D8 = 'd8_virtualization_virtualmachine_'
  expect(lines(samples, '')).toEqual([
    `${D8}status_phase{${O},node="h1",phase="Running"} 1`,
    `${D8}info{${O},node="h1",class="generic",ip_address="10.0.0.2"} 1`,
    `${D8}cpu_cores{${O}} 1`,
    `${D8}configuration_cpu_cores{${O}} 2`,
    `${D8}configuration_cpu_core_fraction{${O}} 50`,
    `${D8}configuration_memory_size_bytes{${O}} 1073741824`,
    `${D8}awaiting_restart_to_apply_configuration{${O}} 1`,
    `${D8}configuration_applied{${O}} 0`,
    `${D8}configuration_run_policy{${O},run_policy="AlwaysOnUnlessStoppedManually"} 1`,
    `${D8}agent_ready{${O}} 0`,
    'berth_vm_should_run{namespace="n",name="web"} 1',
    'berth_vm_start_time_seconds{namespace="n",name="web"} 1767225600',
  ])
})

test('objects are counted by phase and condition; words that are no words of ours become no labels', async () => {
  const samples = new Samples()
  const hostile = {
    phase: 'x"} 1\n',
    conditions: [condition('Bad "type"', 'True', 'R'), condition('Ready', 'True', 'Fine')],
  }
  const many = Array.from({ length: 300 }, (_, index) =>
    vm(`m${index}`, {}, { phase: 'Running', conditions: [condition('Ready', 'False', `Reason${index}`)] }),
  )
  const reader = readerOf({ [VMS]: [vm('a', {}, hostile), vm('b', {}, undefined), ...many] })
  await objectsCollector(reader, [{ kind: 'VirtualMachine', resource: VMS }]).collect(
    samples,
    new AbortController().signal,
  )
  expect(lines(samples, 'berth_objects')).toEqual([
    'berth_objects{kind="VirtualMachine",phase=""} 2',
    'berth_objects{kind="VirtualMachine",phase="Running"} 300',
  ])
  const conditions = lines(samples, 'berth_object_conditions')
  expect(conditions).toHaveLength(200)
  expect(conditions[0]).toBe(
    'berth_object_conditions{kind="VirtualMachine",type="Ready",status="True",reason="Fine"} 1',
  )
  expect(conditions.join('')).not.toContain('Bad')
})

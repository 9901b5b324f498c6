import { expect, test } from 'vitest'
import { Secrets } from '../../../../lib/server/debug/redact.ts'
import { toConfig } from '../../../../scheduler/config.ts'
import { shownConfig } from '../../../../scheduler/debug/index.ts'

test('arguments of fencing commands are not shown, and are taken out of what quotes them', () => {
  const secrets = new Secrets()
  const config = toConfig({
    failover: {
      fencing: {
        command: ['ipmitool', '-H', '{node}.bmc', '-P', 'calvin-and-hobbes', 'power', 'off'],
        nodes: { h2: ['fence', '--password=swordfish', '--verbose'] },
      },
    },
  })
  const shown = shownConfig(config, secrets)
  expect(shown.failover.fencing).toMatchObject({
    command: ['ipmitool', '(6 arguments left out)'],
    nodes: { h2: ['fence', '(2 arguments left out)'] },
    deadlineSeconds: 20,
  })
  expect(shown.listen).toEqual(config.listen)
  expect(secrets.scrub('ipmitool: calvin-and-hobbes refused; swordfish; --verbose')).toBe(
    'ipmitool: (left out) refused; (left out); --verbose',
  )
})

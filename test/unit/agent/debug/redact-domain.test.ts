import { expect, test } from 'vitest'
import { redactDomain } from '../../../../agent/debug/redact-domain.ts'

test('a domain loses passwords and the copy of its object, and keeps the rest', () => {
  const xml = `<domain type='kvm'><name>n.a</name><metadata><berth:domain xmlns:berth='x'>{"spec":"s3"}</berth:domain></metadata>
<devices><graphics type='vnc' passwd='letmein' port='-1'/><disk><source file='/d'/><encryption><secret uuid='1'/></encryption></disk></devices></domain>`
  const shown = redactDomain(xml)
  expect(shown).not.toMatch(/letmein|s3|secret/)
  expect(shown).toContain('file=')
  expect(shown).toContain('n.a')
})

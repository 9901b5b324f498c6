import { once } from 'node:events'
import { setImmediate as turn } from 'node:timers/promises'
import { describe, expect, it, onTestFinished } from 'vitest'
import { linkedAbort } from '../../../lib/linked-abort.ts'

describe('linkedAbort', () => {
  it('aborts with the reason of its parent, also when that has aborted before', () => {
    const parent = new AbortController()
    const link = linkedAbort([parent.signal])
    expect(link.signal.aborted).toBe(false)
    parent.abort(new Error('over'))
    expect(link.signal.reason).toEqual(new Error('over'))
    expect(linkedAbort([parent.signal]).signal.reason).toEqual(new Error('over'))
    expect(link.isLate).toBe(false)
  })

  it('follows no parent any more once it is released, and its time is over', async () => {
    const parent = new AbortController()
    const link = linkedAbort([parent.signal], 1)
    link.release()
    parent.abort()
    expect(link.signal.aborted).toBe(false)
    const late = linkedAbort([], 1)
    await once(late.signal, 'abort')
    expect(late.isLate).toBe(true)
  })

  it('says nothing on the standard error when one parent has many at once, as each command of berth that asks for all kinds', async () => {
    const warnings: Error[] = []
    const onWarning = (warning: Error) => warnings.push(warning)
    process.on('warning', onWarning)
    onTestFinished(() => void process.off('warning', onWarning))
    const parent = new AbortController()
    const links = Array.from({ length: 50 }, () => linkedAbort([parent.signal]))
    await turn()
    expect(warnings).toEqual([])
    parent.abort()
    expect(links.every(({ signal }) => signal.aborted)).toBe(true)
  })
})

import { describe, expect, it } from 'vitest'
import { filter, ProgramError, run, wrapped } from '../../../lib/exec.ts'

const quick = { timeoutMs: 5_000 }

const failure = async (program: string, args: readonly string[], options: Parameters<typeof run>[2]) => {
  const error = await run(program, args, options).catch((thrown: unknown) => thrown)
  if (!(error instanceof ProgramError)) throw new Error(`no ProgramError: ${String(error)}`)
  return error
}

describe('run', () => {
  it('gives what the program wrote', async () => {
    expect(await run('cat', [], { ...quick, input: 'text' })).toEqual({ stdout: 'text', stderr: '' })
  })

  it('hands arguments over as they are: nothing is a shell to it', async () => {
    const { stdout } = await run('echo', ['$HOME; rm -rf "x" `id`'], quick)
    expect(stdout).toBe('$HOME; rm -rf "x" `id`\n')
  })

  it('says program, exit code and the end of standard error, never the arguments', async () => {
    const error = await failure('ls', ['--secret-option=hunter2'], quick)
    expect(error.end).toEqual({ kind: 'exit', code: 2 })
    expect(error.message).toMatch(/^ls failed \(exit code 2\): /)
    const quiet = await failure('sh', ['-c', 'exit 3', 'hunter2'], quick)
    expect(quiet.message).toBe('sh failed (exit code 3)')
    expect(quiet.message).not.toContain('hunter2')
  })

  it('a program that does not exist could not be started', async () => {
    const error = await failure('/no/such/program', [], quick)
    expect(error.end).toEqual({ kind: 'not-started' })
  })

  it('ends a program at its deadline', async () => {
    const error = await failure('sleep', ['30'], { timeoutMs: 100 })
    expect(error.end).toEqual({ kind: 'timeout', afterMs: 100 })
  })

  it('ends a program when it is cancelled, also before it began', async () => {
    const abort = new AbortController()
    setTimeout(() => abort.abort(), 50)
    expect((await failure('sleep', ['30'], { ...quick, signal: abort.signal })).end).toEqual({ kind: 'cancelled' })
    expect((await failure('sleep', ['30'], { ...quick, signal: AbortSignal.abort() })).end.kind).toBe('cancelled')
  })

  it('ends a program that writes too much', async () => {
    const error = await failure('yes', [], { ...quick, maxOutputBytes: 1_000 })
    expect(error.end).toEqual({ kind: 'output', maxBytes: 1_000 })
  })

  it('says which signal ended it', async () => {
    expect((await failure('sh', ['-c', 'kill -TERM $$'], quick)).message).toBe('sh was ended by SIGTERM')
  })

  it('keeps the environment of the agent to itself', async () => {
    process.env.BERTH_TEST_SECRET = 'hunter2'
    const { stdout } = await run('env', [], { ...quick, env: { ONE: '1' } })
    delete process.env.BERTH_TEST_SECRET
    expect(stdout).not.toContain('hunter2')
    expect(stdout).toContain('ONE=1')
  })

  it('limits are in force', async () => {
    const { stdout } = await run('sh', ['-c', 'ulimit -n; ulimit -c; ulimit -f'], {
      ...quick,
      nice: 5,
      limits: { openFiles: 33, fileSizeBytes: 512 * 7 },
    })
    expect(stdout.split('\n').slice(0, 3)).toEqual(['33', '0', '7'])
  })
})

describe('wrapped', () => {
  it('is the program alone without limits, and each wish adds its part', () => {
    expect(wrapped('p', ['a'], {})).toEqual({ file: 'p', args: ['a'] })
    expect(wrapped('p', ['a'], { nice: 10, limits: { cpuSeconds: 3 } })).toEqual({
      file: 'nice',
      args: ['-n', '10', 'prlimit', '--core=0', '--cpu=3', '--', 'p', 'a'],
    })
  })
})

describe('filter', () => {
  async function* chunks(...texts: string[]) {
    for (const text of texts) yield Buffer.from(text)
  }
  const all = async (output: AsyncIterable<Buffer>) => {
    const parts: Buffer[] = []
    for await (const part of output) parts.push(part)
    return Buffer.concat(parts).toString()
  }

  it('streams through the program', async () => {
    expect(await all(filter('tr', ['a-z', 'A-Z'], chunks('one ', 'two'), quick))).toBe('ONE TWO')
  })

  it('throws when the program fails, although it did not read its input', async () => {
    const output = filter('sh', ['-c', 'echo no >&2; exit 4'], chunks('x'.repeat(1_000_000)), quick)
    await expect(all(output)).rejects.toThrow('sh failed (exit code 4): no')
  })

  it('throws the fault of the input as it is', async () => {
    async function* broken() {
      yield Buffer.from('x')
      throw new Error('the source broke')
    }
    await expect(all(filter('cat', [], broken(), quick))).rejects.toThrow('the source broke')
  })

  it('ends the program when the reader stops', async () => {
    for await (const part of filter('yes', [], chunks(''), quick)) {
      expect(part.length).toBeGreaterThan(0)
      break
    }
  })
})

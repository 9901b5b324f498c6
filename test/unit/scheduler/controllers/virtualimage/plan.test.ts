// One host imports, the others copy: who, from where, and what becomes of it when hosts go away.
import { describe, expect, it } from 'vitest'
import {
  aimImage,
  type Candidate,
  contentFor,
  type ImageCopy,
} from '../../../../../scheduler/controllers/virtualimage/plan.ts'

const A = 'a'.repeat(64)
const B = 'b'.repeat(64)
const copy = (node: string, over: Partial<ImageCopy> = {}): ImageCopy => ({
  node,
  alive: true,
  url: `https://${node}`,
  phase: 'Provisioning',
  digest: null,
  told: null,
  ...over,
})
const ready = (node: string, over: Partial<ImageCopy> = {}) => copy(node, { phase: 'Ready', digest: A, ...over })
const host = (node: string, over: Partial<Candidate> = {}): Candidate => ({
  node,
  isUser: false,
  freeBytes: 1n,
  ...over,
})
const hosts = [host('h1'), host('h2'), host('h3')]
const from = (...nodes: string[]) => ({ digest: A, sources: nodes.map((node) => ({ node, url: `https://${node}` })) })

describe('aimImage', () => {
  it.each([
    ['new: the first by name', {}, [], hosts, { nodes: ['h1'] }],
    [
      'new: where a machine needs it',
      {},
      [],
      [host('h1', { freeBytes: 9n }), host('h2', { isUser: true })],
      { nodes: ['h2'] },
    ],
    ['new: where most room is', {}, [], [host('h1'), host('h2', { freeBytes: 9n })], { nodes: ['h2'] }],
    [
      'its importer went away before it was done',
      { nodes: ['h1'] },
      [copy('h1', { alive: false })],
      hosts.slice(1),
      { nodes: ['h2'] },
    ],
    [
      'its import failed: another host tries',
      { nodes: ['h1'] },
      [copy('h1', { phase: 'Failed' })],
      hosts,
      { nodes: ['h2'], failed: ['h1'] },
    ],
    [
      'failed on two, of which one has let go of it',
      { nodes: ['h2'], failed: ['h1'] },
      [copy('h2', { phase: 'Failed' })],
      hosts,
      { nodes: ['h3'], failed: ['h1', 'h2'] },
    ],
    [
      'failed everywhere: the last one goes on',
      { nodes: ['h3'], failed: ['h1', 'h2'] },
      [copy('h3', { phase: 'Failed' })],
      hosts,
      { nodes: ['h3'], failed: ['h1', 'h2', 'h3'] },
    ],
    [
      'failed on three: no more are asked',
      { nodes: ['h3'], failed: ['h1', 'h2'] },
      [copy('h3', { phase: 'Failed' })],
      [...hosts, host('h4')],
      { nodes: ['h3'], failed: ['h1', 'h2', 'h3'] },
    ],
    [
      'its only host fails',
      { nodes: ['h1'] },
      [copy('h1', { phase: 'Failed' })],
      [host('h1')],
      { nodes: ['h1'], failed: ['h1'] },
    ],
    ['there at last', { nodes: ['h2'], failed: ['h1'] }, [ready('h2')], hosts, { nodes: ['h2'], digest: A }],
    ['imported', { nodes: ['h1'] }, [ready('h1')], hosts, { nodes: ['h1'], digest: A }],
    [
      'copied: who has it keeps it',
      { nodes: ['h1'], digest: A },
      [ready('h1'), ready('h3')],
      hosts,
      { nodes: ['h1', 'h3'], digest: A },
    ],
    [
      'two imported different content: one of it counts',
      { nodes: ['h1'] },
      [ready('h2', { digest: B }), ready('h1')],
      hosts,
      { nodes: ['h1', 'h2'], digest: A },
    ],
    [
      'all who had it are away: another imports',
      { nodes: ['h1'], digest: A },
      [ready('h1', { alive: false })],
      [host('h2')],
      { nodes: ['h2', 'h1'], digest: A },
    ],
    [
      'all who had it lost it, the content is another now',
      { nodes: ['h1'], digest: A },
      [ready('h1', { digest: B })],
      hosts,
      { nodes: ['h1'], digest: B },
    ],
    ['it was here before there was a scheduler', {}, [ready('h2')], hosts, { nodes: ['h2'], digest: A }],
  ] as const)('%s', (_title, before, copies, candidates, status) => {
    expect(aimImage(before, copies, candidates)).toEqual({ do: 'set', status })
    // The next look changes nothing.
    expect(aimImage(status, copies, candidates)).toEqual({ do: 'keep' })
  })

  it('leaves an import alone, whatever room there is elsewhere', () => {
    expect(aimImage({ nodes: ['h1'] }, [copy('h1')], [host('h1'), host('h2', { freeBytes: 9n })])).toEqual({
      do: 'keep',
    })
  })

  it('says that there is no host', () => {
    expect(aimImage({}, [], [])).toEqual({ do: 'none' })
    expect(aimImage({ nodes: ['h1'], digest: A }, [ready('h1', { alive: false })], [])).toEqual({ do: 'none' })
  })
})

describe('contentFor', () => {
  it('one host asks the source, the others wait', () => {
    expect(contentFor('h1', { nodes: ['h1'] }, [])).toBeUndefined()
    expect(contentFor('h2', { nodes: ['h1'] }, [copy('h1')])).toBe('wait')
  })

  it('the others copy, from whoever answers first of all', () => {
    const copies = [ready('h1', { alive: false }), ready('h3'), ready('h4', { url: null })]
    expect(contentFor('h2', { nodes: ['h1'], digest: A }, copies)).toEqual(from('h3', 'h1'))
  })

  it('nobody copies other content than that of the image', () => {
    expect(contentFor('h2', { nodes: ['h1'], digest: A }, [ready('h3', { digest: B })])).toBe('wait')
  })

  it('who has it is told what it was told, so that nothing changes there', () => {
    const told = from('h9')
    expect(contentFor('h2', { nodes: ['h1'], digest: A }, [ready('h1'), ready('h2', { told })])).toBe(told)
    expect(contentFor('h1', { nodes: ['h1'], digest: A }, [ready('h1'), ready('h2')])).toBeUndefined()
  })

  it('who lost it gets it from the others, or from the source when it is chosen and nobody else is there', () => {
    const lost = copy('h1', { phase: 'ImageLost', digest: A })
    expect(contentFor('h1', { nodes: ['h1', 'h2'], digest: A }, [lost, ready('h2')])).toEqual(from('h2'))
    expect(contentFor('h1', { nodes: ['h1', 'h2'], digest: A }, [lost, ready('h2', { alive: false })])).toBeUndefined()
    expect(contentFor('h3', { nodes: ['h1', 'h2'], digest: A }, [lost, ready('h2', { alive: false })])).toEqual(
      from('h2'),
    )
  })
})

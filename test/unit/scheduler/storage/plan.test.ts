import { expect, it } from 'vitest'
import { type FolderFacts, judgeFolders } from '../../../../scheduler/storage/plan.ts'

const host = (node: string, folder: string | null, name = 'shared') => ({
  node,
  classes: [{ name, problem: null, freeBytes: 1n, totalBytes: 2n, folder }],
})
const wrong = (hosts: FolderFacts['hosts'], disks: readonly string[] = []) =>
  Object.fromEntries(
    judgeFolders({
      classes: [{ name: 'shared', path: '/srv' }],
      hosts,
      disks: disks.map((folder) => ({ storageClass: 'shared', folder })),
    })[0]?.wrong ?? [],
  )

it.each([
  ['all have one', [host('h1', 'a'), host('h2', 'a')], [], {}],
  ['nobody has told', [host('h1', null), host('h2', null)], [], {}],
  ['one has not told', [host('h1', 'a'), host('h2', null)], [], {}],
  ['a class of another name', [host('h1', 'a'), host('h2', 'b', 'other')], [], {}],
  [
    'a mount is missing on one',
    [host('h1', 'b'), host('h2', 'a'), host('h3', 'a')],
    [],
    { h1: 'the folder /srv is another one than on h2, h3' },
  ],
  ['each has its own', [host('h2', 'b'), host('h1', 'a')], [], { h2: 'the folder /srv is another one than on h1' }],
  [
    'the disks are where fewer hosts are',
    [host('h1', 'a'), host('h2', 'b'), host('h3', 'b')],
    ['a', 'a', 'b'],
    {
      h2: 'the folder /srv is another one than on h1',
      h3: 'the folder /srv is another one than on h1',
    },
  ],
] as const)('%s', (_title, hosts, disks, words) => expect(wrong(hosts, disks)).toEqual(words))

// Which folder of a shared class is the one that counts, by the marks that hosts read in it. Pure.
import type { NodeClass } from '../../schemas/index.ts'

export interface FolderFacts {
  /** Names of shared classes, with their folder. */
  readonly classes: readonly { readonly name: string; readonly path: string }[]
  /** What each member told of its classes. */
  readonly hosts: readonly { readonly node: string; readonly classes: readonly NodeClass[] }[]
  /** Of made disks: class and mark of the folder where they are. */
  readonly disks: readonly { readonly storageClass: string; readonly folder: string }[]
}

export interface FolderVerdict {
  readonly storageClass: string
  /** Hosts that have another folder than the one that counts, each with that in words. */
  readonly wrong: ReadonlyMap<string, string>
}

/**
 * The folder with most of the class's disks counts, then the one that most hosts have, then that of the first host by name: with a mount
 * that is missing on one host, the others are right.
 */
export const judgeFolders = ({ classes, hosts, disks }: FolderFacts): readonly FolderVerdict[] =>
  classes.map(({ name, path }) => {
    const groups = new Map<string, string[]>()
    for (const { node, classes: told } of hosts) {
      const folder = told.find((each) => each.name === name)?.folder ?? null
      if (folder !== null) groups.set(folder, [...(groups.get(folder) ?? []), node].sort())
    }
    const disksIn = (folder: string) =>
      disks.filter((disk) => disk.storageClass === name && disk.folder === folder).length
    const [right, ...others] = [...groups].sort(
      ([a, nodesA], [b, nodesB]) =>
        disksIn(b) - disksIn(a) || nodesB.length - nodesA.length || ((nodesA[0] ?? '') < (nodesB[0] ?? '') ? -1 : 1),
    )
    const wrong = new Map<string, string>()
    for (const [, nodes] of others)
      for (const node of nodes)
        wrong.set(node, `the folder ${path} is another one than on ${(right?.[1] ?? []).join(', ')}`)
    return { storageClass: name, wrong }
  })

import type { HostCheck } from './check.ts'

const FOLDER = '/sys/kernel/mm/hugepages'
const TRANSPARENT = '/sys/kernel/mm/transparent_hugepage/enabled'

/** Reserved ones by size, and the kernel's own use of large pages, which guests profit from. */
export const hugepagesCheck: HostCheck = {
  id: 'hugepages',
  title: 'Large memory pages',
  advice: {
    means: 'Tells of large memory pages; nothing depends on them.',
  },
  run: async ({ host }) => {
    const sizes = await host.list(FOLDER)
    const reserved = await Promise.all(
      [...sizes].sort().map(async (name) => {
        const count = (await host.readText(`${FOLDER}/${name}/nr_hugepages`))?.trim() ?? '0'
        return `${count} of ${name.replace('hugepages-', '')}`
      }),
    )
    const transparent = /\[(\w+)\]/.exec((await host.readText(TRANSPARENT)) ?? '')?.[1] ?? 'not built in'
    const detail = reserved.length === 0 ? 'none reserved' : `reserved: ${reserved.join(', ')}`
    const status = transparent === 'never' ? 'info' : 'ok'
    return { status, message: `Transparent huge pages: ${transparent}.`, detail }
  },
}

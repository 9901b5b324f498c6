import type { HostCheck } from './check.ts'

export const qemuImgCheck: HostCheck = {
  id: 'qemu-img',
  title: 'Disk and image tool',
  condition: 'DiskToolAvailable',
  advice: {
    means: '`qemu-img` runs. Without it no disk and no image is made.',
    todo: 'Install `qemu-utils`.',
  },
  run: async ({ host }, signal) => {
    const answer = await host.run('qemu-img', ['--version'], signal)
    if (answer.ok) return { status: 'ok', message: `${answer.stdout.split('\n')[0] ?? 'qemu-img'}.` }
    const message = 'qemu-img cannot be run: no disk or image can be made.'
    return { status: 'fail', message, detail: answer.reason, remedy: 'Install the package qemu-utils.' }
  },
}

// scripts/lab image: built once, safe when two build at once, boots under BIOS in 128 MiB, and reads a NoCloud seed.

import { mkdirSync, mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { execa } from 'execa'
import { afterAll, describe, expect, it } from 'vitest'
import { labOk, ROOT } from './lab-tool.ts'

const USER_DATA = `#cloud-config
hostname: seeded
ssh_authorized_keys:
  - ssh-ed25519 AAAATEST someone
write_files:
  - path: "/root/two words"
    permissions: '0600'
    content: |
      first line
        indented
  - content: aGVsbG8K
    encoding: b64
    path: /root/encoded
runcmd:
  - echo "TEST string"; cat "/root/two words" /root/encoded /root/.ssh/authorized_keys
  - [ touch, "/run/a, b" ]
  - [ ls, -l, '/run/a, b', /root/two words ]
  - |
    if true; then
      echo TEST block
    fi
  - - echo
    - TEST it's
  - cat /var/log/runcmd.log > /dev/console; ip -4 -o addr show eth0 > /dev/console
`
const NETWORK = `version: 2
ethernets:
  any:
    match:
      macaddress: "52:54:00:12:34:56"
    addresses:
      - 10.0.2.77/24
    routes:
      - to: default
        via: 10.0.2.2
`

const dir = mkdtempSync(join(tmpdir(), 'berth-image '))
afterAll(() => rmSync(dir, { recursive: true, force: true }))

/** Boots a throw-away copy and answers the prompt; resolves with all that the serial line said once it says `until`. */
async function boot(image: string, until: RegExp, ...args: string[]): Promise<string> {
  const qemu = execa(
    'qemu-system-x86_64',
    [
      ...[
        '-machine',
        'q35',
        '-accel',
        'tcg',
        '-m',
        '128',
        '-display',
        'none',
        '-nodefaults',
        '-serial',
        'stdio',
        '-snapshot',
      ],
      ...[
        '-drive',
        `if=none,id=disk,format=qcow2,file=${image}`,
        '-device',
        'virtio-blk-pci,drive=disk,bootindex=1',
        ...args,
      ],
    ],
    { stdin: 'pipe', reject: false, timeout: 90_000 },
  )
  let text = ''
  let asked = false
  const deadline = Date.now() + 90_000
  qemu.stdout.setEncoding('utf8').on('data', (part: string) => {
    text += part
    if (!asked && text.includes('guest# ')) {
      asked = true
      qemu.stdin.write('echo prompt-$((40 + 2))\n')
    }
  })
  while (!until.test(text) && Date.now() < deadline) await sleep(100)
  qemu.kill('SIGKILL')
  await qemu
  return text
}

describe('scripts/lab image', () => {
  it('prints the path last, builds once even when two ask at once, and leaves no work folder', async () => {
    const [one, two] = await Promise.all([labOk('image', '--dir', dir), labOk('image', '--dir', dir)])
    expect(one.split('\n').at(-1)).toBe(join(dir, 'guest.qcow2'))
    expect(two).toBe(one)
    const built = statSync(join(dir, 'guest.qcow2'))
    await execa('qemu-img', ['check', join(dir, 'guest.qcow2')])
    await labOk('image', '--dir', dir)
    expect(statSync(join(dir, 'guest.qcow2')).ino).toBe(built.ino)
    expect(readdirSync(dir).filter((name) => name.startsWith('.build'))).toEqual([])
  })

  it('boots in 128 MiB to a prompt and applies files, keys, commands and addresses of a seed', async () => {
    const seed = join(dir, 'seed')
    mkdirSync(seed)
    writeFileSync(join(seed, 'meta-data'), 'instance-id: i-77\nlocal-hostname: other\n')
    writeFileSync(join(seed, 'user-data'), USER_DATA)
    writeFileSync(join(seed, 'network-config'), NETWORK)
    await execa('genisoimage', ['-quiet', '-V', 'cidata', '-J', '-r', '-o', `${seed}.iso`, seed])
    const text = await boot(
      join(dir, 'guest.qcow2'),
      /prompt-42/,
      ...[
        '-device',
        'virtio-scsi-pci',
        '-drive',
        `if=none,id=seed,format=raw,readonly=on,file=${seed}.iso`,
        '-device',
        'scsi-cd,drive=seed',
      ],
      ...[
        '-nic',
        'user,model=virtio-net-pci,mac=52:54:00:12:34:56',
        '-nic',
        'user,model=virtio-net-pci,net=10.9.9.0/24',
      ],
    )
    expect(text).toContain('GUEST-NOCLOUD instance-id=i-77')
    expect(text).toMatch(/TEST string\r?\nfirst line\r?\n {2}indented\r?\nhello\r?\nssh-ed25519 AAAATEST someone/)
    expect(text).toMatch(/-rw-------.*\/root\/two words/)
    expect(text).toContain('/run/a, b')
    expect(text).toContain('TEST block')
    expect(text).toContain("TEST it's")
    expect(text).toContain('inet 10.0.2.77/24')
    expect(text).toMatch(
      /GUEST-READY host=seeded boots=1 cpus=1 .*net=eth0=10\.0\.2\.77\/24,eth1=10\.9\.9\.\d+\/24 fw=bios/,
    )
    expect(text).toContain('prompt-42')
  })

  it('has the files of a UEFI boot', async () => {
    const files = await execa(
      'bash',
      [
        '-c',
        'qemu-img convert -O raw "$1" "$2" && mdir -b -i "$2"@@1M ::/EFI/BOOT',
        'bash',
        join(dir, 'guest.qcow2'),
        join(dir, 'raw'),
      ],
      { cwd: ROOT },
    )
    expect(files.stdout).toContain('BOOTX64.EFI')
  })
})

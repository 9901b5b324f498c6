// What a host adds to a bundle: its checks, libvirt's definitions, the ends of QEMUs' logs.
import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Client } from '../../lib/client/client.ts'
import { METADATA_URI } from '../../lib/domain/index.ts'
import { messageOf } from '../../lib/errors.ts'
import { ConnectListAllDomainsFlags, LibvirtPool } from '../../lib/libvirt/index.ts'
import type { Part } from '../../lib/server/debug/bundle.ts'
import { ASK_MS, answerPart, json } from '../../lib/server/debug/parts.ts'
import type { AgentConfig } from '../config.ts'
import { chooseSockets } from '../libvirt-sockets.ts'
import { redactDomain } from './redact-domain.ts'

const GROUP = '/apis/subresources.virtualization.deckhouse.io/v1alpha2'

export const hostCheckPart = (client: Client): Part => answerPart(client, 'host-check.json', `${GROUP}/hostcheck`)

/** Definitions of the domains that carry our metadata, and the states of all of them by number. */
export const domainsPart = (config: AgentConfig): Part => ({
  name: 'domains',
  read: async (signal) => {
    const { qemu } = await chooseSockets(config.libvirt)
    const libvirt = new LibvirtPool({ socketPath: qemu, uri: config.libvirt.uri, callTimeoutMs: ASK_MS })
    try {
      await libvirt.connect({ signal, timeoutMs: ASK_MS })
      const { ACTIVE, INACTIVE } = ConnectListAllDomainsFlags
      const all = { needResults: 1, flags: ACTIVE | INACTIVE }
      const { domains } = await libvirt.call('ConnectListAllDomains', all, { signal })
      const files: Record<string, string> = {
        'domains/versions.json': json({
          libvirt: libvirt.libVersion,
          hypervisor: libvirt.hypervisorVersion,
          domains: domains.length,
        }),
      }
      for (const dom of domains) {
        const { xml } = await libvirt.call('DomainGetXMLDesc', { dom, flags: 0 }, { signal })
        if (xml.includes(METADATA_URI)) files[`domains/${dom.uuid}.xml`] = redactDomain(xml)
      }
      return files
    } finally {
      await libvirt.close()
    }
  },
})

const QEMU_LOGS = '/var/log/libvirt/qemu'
const MAX_LOGS = 200
/** Characters of each QEMU's log, from its end. */
const LOG_TAIL = 65_536

/** What QEMU said of our machines: files are named NAMESPACE.NAME.log. */
export const qemuLogsPart = (folder = QEMU_LOGS): Part => ({
  name: 'qemu-logs',
  read: async () => {
    const names = (await readdir(folder))
      .filter((name) => /^[a-z0-9-]+\.[a-z0-9.-]+\.log$/.test(name))
      .slice(0, MAX_LOGS)
    const files: Record<string, string> = {}
    for (const name of names) {
      const text = await readFile(join(folder, name), 'utf8').catch((error: unknown) => messageOf(error))
      files[`qemu-logs/${name.slice(-80)}`] = text.slice(-LOG_TAIL)
    }
    return files
  },
})

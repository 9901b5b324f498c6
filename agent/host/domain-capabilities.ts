/** What libvirt can give guests by one accelerator: its domain capabilities, read. */
import { at, attrOf, childrenOf, parseXml, textOf, type XmlElement } from '../../lib/xml/index.ts'

export interface DomainCapabilities {
  /** The versioned machine type behind the name that was asked for. */
  readonly machine: string
  readonly maxVcpus: number
  /** Named models that libvirt would start a guest with here. */
  readonly usableModels: readonly string[]
  readonly hostPassthrough: boolean
  /** A TPM 2.0 that swtpm emulates; false while libvirt does not find swtpm. */
  readonly tpm: boolean
  /** The nearest model to the host's CPU, with what it has more; absent when libvirt finds none. */
  readonly hostModel?: HostModel
}

export interface HostModel {
  readonly model: string
  readonly vendor?: string
  /** Features beyond the model's own, and those of the model that are missing. */
  readonly required: readonly string[]
  readonly disabled: readonly string[]
}

/** @throws XmlError when the text is not XML */
export function parseDomainCapabilities(xml: string): DomainCapabilities {
  const root = parseXml(xml)
  const modes = cpuModes(root)
  const hostModel = modes.get('host-model')
  const models = childrenOf(modes.get('custom') ?? root, 'model')
  return {
    machine: textOf(at(root, 'machine')),
    maxVcpus: Number(attrOf(at(root, 'vcpu'), 'max') ?? 0),
    usableModels: models.filter((model) => attrOf(model, 'usable') === 'yes').map(textOf),
    hostPassthrough: modes.has('host-passthrough'),
    tpm: emulatesTpm(root),
    ...(hostModel === undefined ? {} : { hostModel: parseHostModel(hostModel) }),
  }
}

/** Only those that are supported. */
function cpuModes(root: XmlElement): Map<string, XmlElement> {
  const cpu = at(root, 'cpu')
  const supported = (cpu === undefined ? [] : childrenOf(cpu, 'mode')).filter((m) => attrOf(m, 'supported') === 'yes')
  return new Map(supported.map((mode) => [attrOf(mode, 'name') ?? '', mode]))
}

function emulatesTpm(root: XmlElement): boolean {
  const tpm = at(root, 'devices', 'tpm')
  const lists = tpm === undefined ? [] : childrenOf(tpm, 'enum')
  const has = (name: string, value: string) =>
    lists.some(
      (list) => attrOf(list, 'name') === name && childrenOf(list, 'value').some((one) => textOf(one) === value),
    )
  return has('model', 'tpm-crb') && has('backendModel', 'emulator') && has('backendVersion', '2.0')
}

function parseHostModel(mode: XmlElement): HostModel {
  const features = childrenOf(mode, 'feature')
  const named = (policy: string) =>
    features.filter((f) => attrOf(f, 'policy') === policy).flatMap((f) => attrOf(f, 'name') ?? [])
  const vendor = textOf(at(mode, 'vendor'))
  return {
    model: textOf(at(mode, 'model')),
    ...(vendor === '' ? {} : { vendor }),
    required: named('require'),
    disabled: named('disable'),
  }
}

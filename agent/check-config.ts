// `berth-agent --check-config`: what a start would refuse, found without starting or changing anything.
import { readTlsFiles } from '../lib/apiserver/auth/tls-keeper.ts'
import { systemClock } from '../lib/clock.ts'
import { messageOf } from '../lib/errors.ts'
import type { AgentConfig } from './config.ts'
import { ConfigError } from './config-error.ts'
import { keeperOptions, parseListen } from './listen.ts'
import { parseSubnet } from './network/choose-subnet.ts'

const MAX_PORT = 65_535

/** Of a configuration that fits its schema. @throws ConfigError */
export async function checkConfig(config: AgentConfig): Promise<void> {
  const wrong = config.listen.find((text) => parseListen(text).port > MAX_PORT)
  if (wrong !== undefined) throw new ConfigError('KEY: …', `listen: ${wrong} has a port above ${MAX_PORT}`)
  const { cidr } = config.network
  if (cidr !== undefined && parseSubnet(cidr) === undefined)
    throw new ConfigError('KEY: …', `network.cidr: ${cidr} is no subnet that can be used`)
  try {
    await readTlsFiles(keeperOptions(config, systemClock))
  } catch (error) {
    throw new ConfigError('certificate files', messageOf(error))
  }
}

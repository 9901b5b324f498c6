// `PROGRAM --check-config`: what a start would refuse of the keys that both servers have, found without starting or changing anything.
import { readTlsFiles } from '../apiserver/auth/tls-keeper.ts'
import { systemClock } from '../clock.ts'
import { messageOf } from '../errors.ts'
import { ConfigError } from './config-error.ts'
import { keeperOptions, parseListen, type Served } from './listen.ts'

const MAX_PORT = 65_535

/** Of a configuration that fits its schema. @throws ConfigError */
export async function checkServerConfig(served: Served): Promise<void> {
  const wrong = served.config.listen.find((text) => parseListen(text).port > MAX_PORT)
  if (wrong !== undefined) throw new ConfigError('KEY: …', `listen: ${wrong} has a port above ${MAX_PORT}`)
  try {
    await readTlsFiles(keeperOptions(served, systemClock))
  } catch (error) {
    throw new ConfigError('certificate files', messageOf(error))
  }
}

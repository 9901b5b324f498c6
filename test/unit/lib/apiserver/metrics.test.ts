// /metrics at the door, and what the API counts of itself.
import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { apiMetrics } from '../../../../lib/apiserver/metrics.ts'
import { systemClock } from '../../../../lib/clock.ts'
import { SERVER_METRICS } from '../../../../lib/metrics/catalogue.ts'
import { Metrics } from '../../../../lib/metrics/metrics.ts'
import { bindRole, issueToken, TlsClient } from '../../../support/access.ts'
import { startApiServer, type TestApiServer } from '../../../support/api-server.ts'

let api: TestApiServer
const metrics = new Metrics({ clock: systemClock, log: { warn: () => undefined }, catalogue: SERVER_METRICS })
const own = apiMetrics({ counts: metrics, resources: new Set(['configmaps', 'secrets']) })
metrics.collect(own.collector)

beforeAll(async () => {
  api = await startApiServer({ metrics: () => metrics.scrape(), observe: own.observe })
})
afterAll(() => api.stop())

test('/metrics wants a right of its own, and that right gives nothing else', async () => {
  const { resources } = api.server
  const [scraper, viewer] = [await issueToken(resources, 'prometheus'), await issueToken(resources, 'viewer')]
  await bindRole(resources, 'berth:metrics', 'prometheus')
  await bindRole(resources, 'd8:use:role:admin', 'viewer')
  const as = (token?: string) => new TlsClient(api, token === undefined ? {} : { token })
  const [stranger, prometheus, other] = [as(), as(scraper), as(viewer)]
  expect((await stranger.ask('GET', '/metrics')).code).toBe(401)
  expect((await other.ask('GET', '/metrics')).code).toBe(403)
  const told = await prometheus.ask('GET', '/metrics')
  expect([told.code, told.headers['content-type']]).toEqual([200, 'text/plain; version=0.0.4; charset=utf-8'])
  expect(told.text).toContain('# TYPE berth_api_requests_total counter\n')
  expect((await prometheus.ask('GET', '/api/v1/namespaces/default/configmaps')).code).toBe(403)
  expect((await prometheus.ask('GET', '/')).text).toContain('/metrics')
  const after = (await prometheus.ask('GET', '/metrics')).text
  expect(after).toContain('berth_api_requests_total{verb="get",resource="/metrics",code="200"} 1\n')
  expect(after).toContain('berth_api_requests_total{verb="list",resource="configmaps",code="403"} 1\n')
  expect(after).toContain('berth_api_refusals_total{reason="unauthenticated"} 1\n')
  expect(after).toContain('berth_api_refusals_total{reason="forbidden"} 2\n')
  expect(after).toContain('berth_api_request_duration_seconds_count{verb="get",resource="/metrics"} 2\n')
})

test('names that clients make up are one label, and open watches are counted while they are open', async () => {
  const { app } = api.server
  for (const url of ['/api/v1/madeup', '/made/up', '/apis/x.y/v1/other']) await app.inject({ url })
  await app.inject({ url: '/api/v1/configmaps', method: 'PUT' })
  const text = await metrics.scrape()
  expect(text).not.toContain('madeup')
  expect(text).toContain('berth_api_requests_total{verb="list",resource="other",code="404"} 2\n')
  const token = await issueToken(api.server.resources, 'watcher')
  await bindRole(api.server.resources, 'cluster-admin', 'watcher')
  const client = new TlsClient(api, { token })
  const watching = client.ask('GET', '/api/v1/configmaps?watch=true&timeoutSeconds=1')
  const until = async (wanted: string) => {
    for (let tries = 0; tries < 200; tries++) {
      if ((await metrics.scrape()).includes(wanted)) return
      await sleep(20)
    }
    throw new Error(`never seen: ${wanted}`)
  }
  await until('berth_api_watches{resource="configmaps"} 1\n')
  await watching
  await until('berth_api_requests_total{verb="watch",resource="configmaps",code="200"} 1\n')
  const closed = await metrics.scrape()
  expect(closed).not.toContain('berth_api_watches{')
  expect(closed).not.toContain('berth_api_request_duration_seconds_count{verb="watch"')
})

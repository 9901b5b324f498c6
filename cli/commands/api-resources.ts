// `berth api-resources`: the kinds of this server.
import { apiVersionOf } from '../../lib/client/paths.ts'
import { line, widths } from '../format/columns.ts'
import { print } from '../io.ts'
import type { Session } from '../session.ts'

export async function apiResources(
  { client, io, paint }: Session,
  options: { readonly headers: boolean },
): Promise<void> {
  const catalog = await client.catalog(io.signal)
  const header = ['NAME', 'SHORTNAMES', 'APIVERSION', 'NAMESPACED', 'KIND']
  const rows = catalog
    .preferred()
    .map((resource) => [
      resource.plural,
      resource.shortNames.join(','),
      apiVersionOf(resource),
      String(resource.namespaced),
      resource.kind,
    ])
  const sized = widths([header, ...rows])
  if (options.headers)
    print(
      io,
      line(header, sized, (cell) => paint('bold', cell)),
    )
  for (const row of rows) print(io, line(row, sized))
}

import { authColumns, authEnums, authFunctions, authSecured } from './auth-catalog.ts'
import { authConstraints, authIndexes } from './auth-keys.ts'

/** Makes the schema that GoTrue leaves, from the measured catalog: a database which was there before us. */
export function gotrueSchema(): string {
  return [
    'create schema auth;',
    'set search_path = auth;',
    ...Object.entries(authEnums).map(
      ([name, labels]) => `create type ${name} as enum ('${labels.replaceAll(' ', "', '")}');`,
    ),
    'create sequence refresh_tokens_id_seq;',
    ...Object.entries(authColumns).map(
      ([table, columns]) => `create table ${table} (${columns.map(columnSql).join(', ')});`,
    ),
    'alter sequence refresh_tokens_id_seq owned by refresh_tokens.id;',
    ...inOrder(authConstraints).map(([key, definition]) => {
      const [table, name] = key.split(': ')
      return `alter table ${table} add constraint "${name}" ${definition};`
    }),
    ...Object.entries(authIndexes)
      .filter(([name]) => !Object.keys(authConstraints).some((key) => key.endsWith(`: ${name}`)))
      .map(([name, definition]) => indexSql(name, definition)),
    ...authSecured.map((table) => `alter table ${table} enable row level security;`),
    ...Object.entries(authFunctions).map(([name, definition]) => functionSql(name, definition)),
    'reset search_path;',
  ].join('\n')
}

function columnSql(column: string): string {
  return column.replace(/generated (.*)$/, 'generated always as ($1) stored')
}

/** Foreign keys need the keys that they point to. */
function inOrder(constraints: Record<string, string>): [string, string][] {
  const isForeign = ([, definition]: [string, string]) => definition.startsWith('FOREIGN')
  const all = Object.entries(constraints)
  return [...all.filter((one) => !isForeign(one)), ...all.filter(isForeign)]
}

function indexSql(name: string, definition: string): string {
  const unique = definition.startsWith('UNIQUE ')
  return `create ${unique ? 'unique ' : ''}index ${name} on ${definition.replace('UNIQUE ', '')};`
}

/** The body is not ours, so that a replaced function would be seen. */
function functionSql(name: string, definition: string): string {
  const [type, language, volatility] = definition.split(' ')
  const comment = definition.split(' -- ')[1]
  return [
    `create function ${name} returns ${type} language ${language} ${volatility}`,
    `as $$ select null::${type} /* as it was */ $$;`,
    ...(comment ? [`comment on function ${name} is '${comment.replaceAll("'", "''")}';`] : []),
  ].join(' ')
}

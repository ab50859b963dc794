/** What applying a declaration did to one thing. */
export interface Applied {
  kind:
    | 'application'
    | 'connector'
    | 'customClaims'
    | 'organization'
    | 'organizationRole'
    | 'organizationScope'
    | 'resource'
    | 'role'
    | 'signInExperience'
    | 'user'
  id: string
  name: string
  outcome: 'created' | 'updated' | 'unchanged' | 'replaced'
  /** Only of an application whose secret was made just now. */
  secret?: string
}

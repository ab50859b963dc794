import { type Context, transaction } from '../base/context.ts'
import { Fault } from '../base/fault.ts'
import { type Application, findApplication } from '../model/application.ts'
import {
  type Consent,
  deleteConsent,
  findConsent,
  type GivenConsent,
  listConsents,
  saveConsent,
} from '../model/consent.ts'
import { revokeGrantsOf } from '../model/grant.ts'
import { answerInteraction, type Interaction } from '../model/interaction.ts'
import { listMemberships, type Membership } from '../model/membership.ts'
import { type Catalog, findCatalog } from '../model/resource.ts'
import { organizationsScope } from '../model/rights.ts'

/** What the consent page asks. */
export interface Request {
  application: Application
  consent: Consent
  /** By API: its name, and its scopes as their descriptions say them. */
  resources: { name: string; scopes: string[] }[]
  /** Those of the user, where the application asks for organizations; `isShared` since an earlier consent. */
  organizations: (Membership & { isShared: boolean })[]
  /** What is known of an application that introduced itself; null for those that an administrator brought. */
  stranger: Stranger | null
}

/** All that cannot be made up by who introduces itself: where its document lies, and where its answers go. */
interface Stranger {
  documentHost: string | null
  /** Null for a program on the user's device. */
  returnHost: string | null
}

/** Null where nothing is asked that the page could show: then the OpenID Provider says what comes next. */
export async function findRequest(
  ctx: Context,
  interaction: Interaction,
  userId: string,
): Promise<Request | null> {
  const consent = interaction.state.wish
  if (consent === undefined || interaction.applicationId === null) return null
  const application = await findApplication(ctx, interaction.applicationId)
  if (application === null) return null
  return {
    application,
    consent,
    resources: resourcesOf(consent, await findCatalog(ctx)),
    organizations: asksOrganizations(consent)
      ? await organizationsOf(ctx, userId, application.id)
      : [],
    stranger: strangerIn(application, interaction),
  }
}

function resourcesOf({ resourceScopes }: Consent, { resources }: Catalog): Request['resources'] {
  return Object.entries(resourceScopes).map(([indicator, names]) => {
    const known = resources.get(indicator)
    const descriptions = new Map(known?.scopes.map((one) => [one.name, one.description]))
    return {
      name: known?.name ?? indicator,
      scopes: names.map((name) => descriptions.get(name) || name),
    }
  })
}

function strangerIn(application: Application, { request }: Interaction): Stranger | null {
  if (application.origin === 'admin') return null
  const back = String(request.redirect_uri ?? '')
  return {
    documentHost: documentHostOf(application),
    // Only an https address is the same place for everybody.
    returnHost: /^https:/i.test(back) && URL.canParse(back) ? new URL(back).host : null,
  }
}

/** The user says yes. Of the organizations only those count that the application asked for and they belong to. */
export async function allow(
  ctx: Context,
  { interaction, browser }: { interaction: Interaction; browser: string },
  { userId, organizationIds }: { userId: string; organizationIds: readonly string[] },
): Promise<void> {
  const { wish: consent } = interaction.state
  const { applicationId } = interaction
  if (consent === undefined || applicationId === null) throw new Fault('interaction_not_found')
  await transaction(ctx, async (ctx) => {
    const asked = { id: interaction.id, browser }
    if (!(await answerInteraction(ctx, asked, { consented: userId }))) {
      throw new Fault('interaction_not_found')
    }
    const shared = asksOrganizations(consent) ? organizationIds : []
    await saveConsent(ctx, { userId, applicationId }, { ...consent, organizationIds: shared })
  })
}

/** What somebody allowed an application of somebody else, as their own page tells it. */
export interface Allowed {
  application: GivenConsent['application']
  consent: Consent
  resources: Request['resources']
  /** Names of those that are shared with it. */
  organizations: readonly string[]
  /** Where its document lies, of one that introduced itself so. */
  documentHost: string | null
  givenAt: Date
}

/** The applications that a user allowed, the last first. */
export async function listAllowed(ctx: Context, userId: string): Promise<Allowed[]> {
  const catalog = await findCatalog(ctx)
  return (await listConsents(ctx, userId)).map(
    ({ application, organizations, givenAt, ...consent }) => ({
      ...{ application, consent, organizations, givenAt },
      resources: resourcesOf(consent, catalog),
      documentHost: documentHostOf(application),
    }),
  )
}

/**
 * The user takes back what they allowed an application: nothing that it holds of them is good from then on, in whatever
 * session. Whether there was anything to take back.
 */
export async function withdrawConsent(
  ctx: Context,
  asked: { userId: string; applicationId: string },
): Promise<boolean> {
  if ((await findApplication(ctx, asked.applicationId)) === null) return false
  return transaction(ctx, async (ctx) => {
    if (!(await deleteConsent(ctx, asked))) return false
    await revokeGrantsOf(ctx, asked)
    return true
  })
}

function documentHostOf({ id, origin }: Pick<Application, 'id' | 'origin'>): string | null {
  return origin === 'document' ? new URL(id).host : null
}

function asksOrganizations({ scopes, organizationScopes }: Consent): boolean {
  return scopes.includes(organizationsScope) || organizationScopes.length > 0
}

async function organizationsOf(ctx: Context, userId: string, applicationId: string) {
  const given = await findConsent(ctx, userId, applicationId)
  const memberships = await listMemberships(ctx, userId)
  return memberships.map((one) => ({
    ...one,
    isShared: given?.organizationIds.includes(one.organizationId) ?? false,
  }))
}

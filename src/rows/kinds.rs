//! The rows that there are: table by table, column by column.

use super::table::{Column, Field, Instant, Personal, Table, Value, rows};
use crate::id::{GroupId, InvitationId, LinkId, OrganizationId, PrincipalId, ProjectId, RoleId, SupportId};

rows! {
    /// Each organization (HIE-1).
    Organization(OrganizationRow in "read_organization", key 1) {
        /// The organization.
        organization_id: OrganizationId,
        /// Its parent; none for the root.
        parent_id: Option<OrganizationId>,
        /// What it is called.
        name: String,
        /// Its short name, unique in the tree (HIE-8).
        slug: String,
        /// Its region.
        region: Option<String>,
        /// Whether it is itself active; effectively it is if all above it are, too (HIE-10).
        active: bool,
        /// When it was created.
        created_at: Instant,
    }

    /// Each organization with itself and each one above it.
    Path(PathRow in "read_path", key 2) {
        /// The organization.
        organization_id: OrganizationId,
        /// Itself, or one above it.
        ancestor_id: OrganizationId,
        /// How far above: 0 is itself, 1 its parent.
        distance: i64,
    }

    /// The tags of each organization (POL-1).
    Tag(TagRow in "read_tag", key 2) {
        /// The organization.
        organization_id: OrganizationId,
        /// One of its tags.
        tag: String,
    }

    /// The capabilities assigned to each organization (LIC-5); effective where they are
    /// assigned along the whole path (LIC-6).
    Capability(CapabilityRow in "read_capability", key 2) {
        /// The organization.
        organization_id: OrganizationId,
        /// The capability.
        capability: String,
        /// Until when.
        valid_until: Instant,
    }

    /// What the root has subscribed to, if anything (LIC-1): one row at the most.
    Subscription(SubscriptionRow in "read_subscription", key 0) {
        /// The plan.
        plan: String,
        /// `trial`, `active`, `past_due` or `cancelled`.
        status: &'static str,
        /// When the term starts.
        valid_from: Instant,
        /// When the term ends.
        valid_until: Instant,
        /// When it begins to count: with its term, or if it has lapsed, with its grace period.
        covers_from: Instant,
        /// When it lapses or lapsed; a grace period counts from here (LIC-4).
        lapses_at: Instant,
    }

    /// Each user and machine identity that the tree knows (MEM-1).
    Principal(PrincipalRow in "read_principal", key 1) {
        /// The user or machine identity.
        principal_id: PrincipalId,
        /// `user`, `machine` or `erased`.
        kind: &'static str,
        /// Where a machine identity was created (MEM-2).
        home_id: Option<OrganizationId>,
    }

    /// What each person is called: with `read_invitee` the only personal data (GDP-3).
    Person(PersonRow in "read_person", key 1) {
        /// Who.
        principal_id: PrincipalId,
        /// What they are called.
        name: Personal,
        /// The address that was verified for them, as it was typed.
        address: Option<Personal>,
    }

    /// Each member of each organization (MEM-1).
    Member(MemberRow in "read_member", key 2) {
        /// The organization.
        organization_id: OrganizationId,
        /// The member.
        principal_id: PrincipalId,
        /// Since when.
        since: Instant,
        /// Whether every check there denies (MEM-7).
        suspended: bool,
    }

    /// What each member holds directly (CLM-6).
    Grant(GrantRow in "read_grant", key 3) {
        /// Where.
        organization_id: OrganizationId,
        /// Who.
        principal_id: PrincipalId,
        /// `owner`, a claim, a family such as `backups.*`, or `role:` and which.
        privilege: String,
        /// The role, if it is one that was defined.
        role_id: Option<RoleId>,
        /// From when.
        valid_from: Instant,
        /// Until when.
        valid_until: Instant,
    }

    /// Each role that was defined (CLM-3); usable where it was defined and below.
    Role(RoleRow in "read_role", key 1) {
        /// The role.
        role_id: RoleId,
        /// Where it was defined.
        organization_id: OrganizationId,
        /// What it is called.
        name: String,
    }

    /// What each role that was defined stands for.
    RoleGives(RoleGivesRow in "read_role_gives", key 2) {
        /// The role.
        role_id: RoleId,
        /// A claim, or a family of them.
        privilege: String,
    }

    /// Each group (GRP-1).
    Group(GroupRow in "read_group", key 1) {
        /// The group.
        group_id: GroupId,
        /// Where it lives.
        organization_id: OrganizationId,
        /// What it is called.
        name: String,
    }

    /// What each group gives its members at home (GRP-2).
    GroupGives(GroupGivesRow in "read_group_gives", key 2) {
        /// The group.
        group_id: GroupId,
        /// As in `read_grant`.
        privilege: String,
        /// The role, if it is one that was defined.
        role_id: Option<RoleId>,
    }

    /// Who chooses the members of each group (GRP-1).
    GroupOwner(GroupOwnerRow in "read_group_owner", key 2) {
        /// The group.
        group_id: GroupId,
        /// Its owner.
        principal_id: PrincipalId,
    }

    /// Who gains what each group gives, by themselves.
    GroupMember(GroupMemberRow in "read_group_member", key 2) {
        /// The group.
        group_id: GroupId,
        /// Its member.
        principal_id: PrincipalId,
    }

    /// Which groups are nested in each group, directly (GRP-3).
    Nesting(NestingRow in "read_nesting", key 2) {
        /// The group.
        group_id: GroupId,
        /// The group that is a member of it.
        inner_id: GroupId,
    }

    /// Each link of a group to an organization below (GRP-4).
    Link(LinkRow in "read_link", key 1) {
        /// The link.
        link_id: LinkId,
        /// Where the group lives.
        source_id: OrganizationId,
        /// The group.
        group_id: GroupId,
        /// Where it is linked to.
        target_id: OrganizationId,
        /// `target`, `children` or `subtree` (GRP-8).
        reach: &'static str,
        /// Whether it reaches organizations that come later, too.
        reaches_future: bool,
        /// Whether Owner passes through it (GRP-2).
        makes_owners: bool,
        /// Whether it gives only what `read_link_gives` says, of what the group gives.
        narrowed: bool,
        /// From when.
        valid_from: Instant,
        /// Until when.
        valid_until: Instant,
    }

    /// What each narrowed link gives, of what its group gives (GRP-2).
    LinkGives(LinkGivesRow in "read_link_gives", key 2) {
        /// The link.
        link_id: LinkId,
        /// As in `read_grant`.
        privilege: String,
        /// The role, if it is one that was defined.
        role_id: Option<RoleId>,
    }

    /// What was in reach of each link that does not reach future organizations.
    LinkPresent(LinkPresentRow in "read_link_present", key 2) {
        /// The link.
        link_id: LinkId,
        /// What was there when its terms were set.
        organization_id: OrganizationId,
    }

    /// What each link does not reach, nor anything below it (GRP-8).
    LinkExclusion(LinkExclusionRow in "read_link_exclusion", key 2) {
        /// The link.
        link_id: LinkId,
        /// What is excluded.
        organization_id: OrganizationId,
    }

    /// Whose owners took it out of each link's reach (GRP-8).
    LinkOptOut(LinkOptOutRow in "read_link_opt_out", key 2) {
        /// The link.
        link_id: LinkId,
        /// What was opted out; what is below it stays in reach.
        organization_id: OrganizationId,
    }

    /// Each invitation of an address into a group (INV-1).
    Invitation(InvitationRow in "read_invitation", key 1) {
        /// The invitation.
        invitation_id: InvitationId,
        /// Where the group lives.
        organization_id: OrganizationId,
        /// The group.
        group_id: GroupId,
        /// What the invited person becomes: `owner` or `member`.
        becomes: &'static str,
        /// Who sent it last.
        inviter_id: PrincipalId,
        /// How often it was sent.
        sendings: i64,
        /// When it was sent last.
        sent_at: Instant,
        /// `pending`, `accepted`, `declined` or `revoked`; a pending one has expired from its
        /// end on (INV-2).
        state: &'static str,
        /// When a pending one ends, or the other became what it is.
        state_at: Instant,
        /// Who accepted it.
        accepted_by_id: Option<PrincipalId>,
    }

    /// The address that each invitation went to: personal data (GDP-3).
    Invitee(InviteeRow in "read_invitee", key 1) {
        /// The invitation.
        invitation_id: InvitationId,
        /// The address, as it was typed.
        address: Personal,
    }

    /// Each access of the operator's support (SUP-1).
    Support(SupportRow in "read_support", key 1) {
        /// The access.
        support_id: SupportId,
        /// The organization that can be looked at.
        organization_id: OrganizationId,
        /// The operator's engineer, or team; not known to the tree.
        engineer_id: PrincipalId,
        /// Who granted or approved it.
        given_by_id: Option<PrincipalId>,
        /// `requested`, `granted`, `denied` or `ended`; a grant or request is over from its
        /// end on (SUP-3).
        state: &'static str,
        /// From when it gives access; for any but a grant, when it was denied or ended.
        valid_from: Instant,
        /// Until when it gives access, or can be answered.
        valid_until: Instant,
    }

    /// Each project (MEM-5).
    Project(ProjectRow in "read_project", key 1) {
        /// The project.
        project_id: ProjectId,
        /// Where it was created.
        organization_id: OrganizationId,
        /// What it is called.
        name: String,
    }

    /// The members of each project.
    ProjectMember(ProjectMemberRow in "read_project_member", key 2) {
        /// The project.
        project_id: ProjectId,
        /// Its member.
        principal_id: PrincipalId,
    }

    /// The groups assigned to each project; they count while they are active there.
    ProjectGroup(ProjectGroupRow in "read_project_group", key 2) {
        /// The project.
        project_id: ProjectId,
        /// The group.
        group_id: GroupId,
    }

    /// What each privilege stands for, with everything implied (CLM-2, CLM-3); that of a role
    /// that was defined is in `read_role_gives`.
    Privilege(PrivilegeRow in "read_privilege", key 2, of_domain) {
        /// `owner`, a claim, a family, a ready-made role, or `support:view` (SUP-1).
        privilege: String,
        /// A claim that it gives, or `owner`.
        claim: String,
        /// The capability that the claim requires (LIC-8).
        requires: Option<String>,
    }

    /// Each plan (LIC-2).
    Plan(PlanRow in "read_plan", key 1, of_domain) {
        /// The plan.
        plan: String,
        /// Whether it grants links.
        grants_links: bool,
    }

    /// What a lapse of a subscription does to links (LIC-4): one row.
    Lapse(LapseRow in "read_lapse", key 1, of_domain) {
        /// Whether links stand whatever becomes of the subscription.
        links_stay: bool,
        /// How long after its lapse a subscription still counts, in microseconds.
        grace: i64,
    }
}

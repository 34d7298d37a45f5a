-- Read models beside the tables of rows. An instant is in microseconds since 1970;
-- -9000000000000000000 is no start and 9000000000000000000 no end.

-- The shape of the tables: made anew when it is another.
CREATE TABLE bailiwick.read_model (
    shape integer NOT NULL
);

-- The version of each tree that its rows are of.
CREATE TABLE bailiwick.read_tree (
    root uuid NOT NULL PRIMARY KEY,
    version bigint NOT NULL
);

CREATE INDEX read_path_ancestor ON bailiwick.read_path (root, ancestor_id);
CREATE INDEX read_member_principal ON bailiwick.read_member (root, principal_id);
CREATE INDEX read_grant_principal ON bailiwick.read_grant (root, principal_id);
CREATE INDEX read_group_organization ON bailiwick.read_group (root, organization_id);
CREATE INDEX read_group_member_principal ON bailiwick.read_group_member (root, principal_id);
CREATE INDEX read_nesting_inner ON bailiwick.read_nesting (root, inner_id);
CREATE INDEX read_link_group ON bailiwick.read_link (root, group_id);
CREATE INDEX read_link_target ON bailiwick.read_link (root, target_id);
CREATE INDEX read_support_engineer ON bailiwick.read_support (root, engineer_id);

-- The organizations that are effectively active: they and all above them (HIE-10).
CREATE VIEW bailiwick.read_active AS
SELECT root, organization_id
FROM bailiwick.read_organization AS organization
WHERE NOT EXISTS (
    SELECT 1
    FROM bailiwick.read_path AS path
    JOIN bailiwick.read_organization AS above ON above.root = path.root AND above.organization_id = path.ancestor_id
    WHERE path.root = organization.root AND path.organization_id = organization.organization_id AND NOT above.active
);

-- The capabilities that are effective: assigned along the whole path, until the first ends (LIC-6).
CREATE VIEW bailiwick.read_effective_capability AS
SELECT path.root, path.organization_id, assigned.capability, min(assigned.valid_until) AS valid_until
FROM bailiwick.read_path AS path
JOIN bailiwick.read_capability AS assigned ON assigned.root = path.root AND assigned.organization_id = path.ancestor_id
GROUP BY path.root, path.organization_id, assigned.capability
HAVING count(*) = (
    SELECT count(*) FROM bailiwick.read_path AS whole WHERE whole.root = path.root AND whole.organization_id = path.organization_id
);

-- Each link with each organization in its reach, whether it counts now or not (GRP-8).
CREATE VIEW bailiwick.read_link_reach AS
SELECT link.root, link.link_id, path.organization_id
FROM bailiwick.read_link AS link
JOIN bailiwick.read_path AS path ON path.root = link.root AND path.ancestor_id = link.target_id
WHERE (link.reach = 'subtree' OR path.distance = 0 OR (link.reach = 'children' AND path.distance = 1))
  AND (link.reaches_future OR EXISTS (
      SELECT 1 FROM bailiwick.read_link_present AS present
      WHERE present.root = link.root AND present.link_id = link.link_id
        AND present.organization_id = path.organization_id
  ))
  AND NOT EXISTS (
      SELECT 1 FROM bailiwick.read_link_exclusion AS excluded
      JOIN bailiwick.read_path AS above ON above.root = excluded.root AND above.ancestor_id = excluded.organization_id
      WHERE excluded.root = link.root AND excluded.link_id = link.link_id
        AND above.organization_id = path.organization_id
  )
  AND NOT EXISTS (
      SELECT 1 FROM bailiwick.read_link_opt_out AS out
      WHERE out.root = link.root AND out.link_id = link.link_id AND out.organization_id = path.organization_id
  );

-- When links of a tree give anything: always, or while its subscription does (LIC-4).
CREATE VIEW bailiwick.read_links_standing AS
SELECT tree.root, (-9000000000000000000)::bigint AS valid_from, 9000000000000000000 AS valid_until
FROM bailiwick.read_tree AS tree
JOIN bailiwick.read_lapse AS lapse ON lapse.links_stay
UNION ALL
SELECT subscription.root, subscription.covers_from, least(subscription.lapses_at + lapse.grace, 9000000000000000000)
FROM bailiwick.read_subscription AS subscription
JOIN bailiwick.read_plan AS plan ON plan.plan = subscription.plan AND plan.grants_links
JOIN bailiwick.read_lapse AS lapse ON NOT lapse.links_stay;

-- Each link with each organization where it makes its group active, and when.
CREATE VIEW bailiwick.read_active_link AS
SELECT link.root, link.link_id, link.group_id, reach.organization_id,
       greatest(link.valid_from, standing.valid_from) AS valid_from,
       least(link.valid_until, standing.valid_until) AS valid_until
FROM bailiwick.read_link AS link
JOIN bailiwick.read_link_reach AS reach ON reach.root = link.root AND reach.link_id = link.link_id
JOIN bailiwick.read_links_standing AS standing ON standing.root = link.root;

-- When a group that is nested in another, directly, counts as a member of it: they live in
-- the same organization, or the inner one is active where the other lives (GRP-3).
CREATE VIEW bailiwick.read_direct_nesting AS
SELECT nesting.root, nesting.inner_id, nesting.group_id,
       (-9000000000000000000)::bigint AS valid_from, 9000000000000000000 AS valid_until
FROM bailiwick.read_nesting AS nesting
JOIN bailiwick.read_group AS inside ON inside.root = nesting.root AND inside.group_id = nesting.inner_id
JOIN bailiwick.read_group AS around ON around.root = nesting.root AND around.group_id = nesting.group_id
WHERE inside.organization_id = around.organization_id
UNION ALL
SELECT nesting.root, nesting.inner_id, nesting.group_id, link.valid_from, link.valid_until
FROM bailiwick.read_nesting AS nesting
JOIN bailiwick.read_group AS around ON around.root = nesting.root AND around.group_id = nesting.group_id
JOIN bailiwick.read_active_link AS link ON link.root = nesting.root AND link.group_id = nesting.inner_id
 AND link.organization_id = around.organization_id
WHERE link.valid_from < link.valid_until;

-- The same at any distance.
CREATE VIEW bailiwick.read_nested AS
WITH RECURSIVE nested (root, inner_id, group_id, valid_from, valid_until) AS (
    SELECT root, inner_id, group_id, valid_from, valid_until FROM bailiwick.read_direct_nesting
    UNION
    SELECT nested.root, nested.inner_id, around.group_id,
           greatest(nested.valid_from, around.valid_from), least(nested.valid_until, around.valid_until)
    FROM nested
    JOIN bailiwick.read_direct_nesting AS around ON around.root = nested.root AND around.inner_id = nested.group_id
    WHERE greatest(nested.valid_from, around.valid_from) < least(nested.valid_until, around.valid_until)
)
SELECT root, inner_id, group_id, valid_from, valid_until FROM nested;

-- Who counts as a member of each group: those in it, or in one nested in it, who are members
-- of where the group that they are in lives, and not suspended there (MEM-1, MEM-7).
CREATE VIEW bailiwick.read_participant AS
SELECT member.root, member.principal_id, member.group_id,
       (-9000000000000000000)::bigint AS valid_from, 9000000000000000000 AS valid_until
FROM bailiwick.read_group_member AS member
JOIN bailiwick.read_group AS own ON own.root = member.root AND own.group_id = member.group_id
JOIN bailiwick.read_member AS home ON home.root = member.root AND home.organization_id = own.organization_id
 AND home.principal_id = member.principal_id AND NOT home.suspended
UNION ALL
SELECT member.root, member.principal_id, nested.group_id, nested.valid_from, nested.valid_until
FROM bailiwick.read_group_member AS member
JOIN bailiwick.read_group AS own ON own.root = member.root AND own.group_id = member.group_id
JOIN bailiwick.read_member AS home ON home.root = member.root AND home.organization_id = own.organization_id
 AND home.principal_id = member.principal_id AND NOT home.suspended
JOIN bailiwick.read_nested AS nested ON nested.root = member.root AND nested.inner_id = member.group_id;

-- Every way by which someone holds a privilege in an organization, whether it answers or not.
-- That of a narrowed link is to be held against what its group gives.
CREATE VIEW bailiwick.read_holding AS
SELECT root, organization_id, principal_id, privilege, role_id,
       NULL::uuid AS group_id, NULL::uuid AS link_id, false AS narrowed, valid_from, valid_until
FROM bailiwick.read_grant
UNION ALL
SELECT participant.root, home.organization_id, participant.principal_id, gives.privilege, gives.role_id,
       participant.group_id, NULL, false, participant.valid_from, participant.valid_until
FROM bailiwick.read_participant AS participant
JOIN bailiwick.read_group AS home ON home.root = participant.root AND home.group_id = participant.group_id
JOIN bailiwick.read_group_gives AS gives ON gives.root = participant.root AND gives.group_id = participant.group_id
UNION ALL
SELECT participant.root, active.organization_id, participant.principal_id, gives.privilege, gives.role_id,
       participant.group_id, active.link_id, false,
       greatest(participant.valid_from, active.valid_from), least(participant.valid_until, active.valid_until)
FROM bailiwick.read_participant AS participant
JOIN bailiwick.read_active_link AS active ON active.root = participant.root AND active.group_id = participant.group_id
JOIN bailiwick.read_link AS link ON link.root = active.root AND link.link_id = active.link_id AND NOT link.narrowed
JOIN bailiwick.read_group_gives AS gives ON gives.root = participant.root AND gives.group_id = participant.group_id
 AND (link.makes_owners OR gives.privilege <> 'owner')
UNION ALL
SELECT participant.root, active.organization_id, participant.principal_id, gives.privilege, gives.role_id,
       participant.group_id, active.link_id, true,
       greatest(participant.valid_from, active.valid_from), least(participant.valid_until, active.valid_until)
FROM bailiwick.read_participant AS participant
JOIN bailiwick.read_active_link AS active ON active.root = participant.root AND active.group_id = participant.group_id
JOIN bailiwick.read_link AS link ON link.root = active.root AND link.link_id = active.link_id AND link.narrowed
JOIN bailiwick.read_link_gives AS gives ON gives.root = link.root AND gives.link_id = link.link_id
 AND (link.makes_owners OR gives.privilege <> 'owner')
UNION ALL
SELECT root, organization_id, engineer_id, 'support:view', NULL, NULL, NULL, false, valid_from, valid_until
FROM bailiwick.read_support
WHERE state = 'granted';

-- The claims of each group, each with where it counts: there and below. Those of a role that
-- was defined count where it was defined and below (CLM-3), all others in the whole tree.
CREATE VIEW bailiwick.read_group_claim AS
SELECT gives.root, gives.group_id, privilege.claim, gives.root AS from_id
FROM bailiwick.read_group_gives AS gives
JOIN bailiwick.read_privilege AS privilege ON privilege.privilege = gives.privilege
UNION ALL
SELECT gives.root, gives.group_id, privilege.claim, role.organization_id
FROM bailiwick.read_group_gives AS gives
JOIN bailiwick.read_role AS role ON role.root = gives.root AND role.role_id = gives.role_id
JOIN bailiwick.read_role_gives AS stands_for ON stands_for.root = role.root AND stands_for.role_id = role.role_id
JOIN bailiwick.read_privilege AS privilege ON privilege.privilege = stands_for.privilege;

-- The claims of each way.
CREATE VIEW bailiwick.read_holding_claim AS
SELECT holding.root, holding.organization_id, holding.principal_id, holding.privilege, holding.group_id,
       holding.link_id, holding.narrowed, holding.valid_from, holding.valid_until, privilege.claim, privilege.requires
FROM bailiwick.read_holding AS holding
JOIN bailiwick.read_privilege AS privilege ON privilege.privilege = holding.privilege
UNION ALL
SELECT holding.root, holding.organization_id, holding.principal_id, holding.privilege, holding.group_id,
       holding.link_id, holding.narrowed, holding.valid_from, holding.valid_until, privilege.claim, privilege.requires
FROM bailiwick.read_holding AS holding
JOIN bailiwick.read_role AS role ON role.root = holding.root AND role.role_id = holding.role_id
JOIN bailiwick.read_path AS path ON path.root = holding.root AND path.organization_id = holding.organization_id
 AND path.ancestor_id = role.organization_id
JOIN bailiwick.read_role_gives AS stands_for ON stands_for.root = role.root AND stands_for.role_id = role.role_id
JOIN bailiwick.read_privilege AS privilege ON privilege.privilege = stands_for.privilege;

-- Who may do what where, and when: one row for each way (CLM-7). The claim `owner` is Owner.
CREATE VIEW bailiwick.read_access AS
SELECT held.root, held.organization_id, held.principal_id, held.claim, held.privilege, held.group_id, held.link_id,
       held.valid_from, least(held.valid_until, coalesce(capable.valid_until, held.valid_until)) AS valid_until
FROM bailiwick.read_holding_claim AS held
JOIN bailiwick.read_active AS active ON active.root = held.root AND active.organization_id = held.organization_id
LEFT JOIN bailiwick.read_effective_capability AS capable ON capable.root = held.root
 AND capable.organization_id = held.organization_id AND capable.capability = held.requires
WHERE (held.requires IS NULL OR capable.capability IS NOT NULL)
  AND held.valid_from < least(held.valid_until, coalesce(capable.valid_until, held.valid_until))
  AND (held.privilege = 'support:view' OR (
      EXISTS (
          SELECT 1 FROM bailiwick.read_principal AS known
          WHERE known.root = held.root AND known.principal_id = held.principal_id AND known.kind <> 'erased'
      )
      AND NOT EXISTS (
          SELECT 1 FROM bailiwick.read_member AS member
          WHERE member.root = held.root AND member.organization_id = held.organization_id
            AND member.principal_id = held.principal_id AND member.suspended
      )
  ))
  AND (NOT held.narrowed OR EXISTS (
      SELECT 1 FROM bailiwick.read_group_claim AS given
      JOIN bailiwick.read_path AS path ON path.root = given.root AND path.ancestor_id = given.from_id
      WHERE given.root = held.root AND given.group_id = held.group_id AND given.claim = held.claim
        AND path.organization_id = held.organization_id
  ));

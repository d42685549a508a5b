"""Changes to what the double serves, with the traces that GitHub leaves of them: `updatedAt`, events, new ids."""

import hashlib
from collections.abc import Callable, Iterable
from functools import wraps
from typing import Any, TypeVar, cast

from .model import (
    Account,
    Commit,
    Event,
    File,
    GitActor,
    Issue,
    IssueComment,
    Label,
    Organisation,
    PullRequest,
    PullRequestCommit,
    PullRequestReview,
    PullRequestReviewComment,
    PullRequestReviewThread,
    Repository,
    ReviewRequest,
    Team,
)

M = TypeVar("M", bound=Callable[..., Any])


def _locked(method: M) -> M:
    """Makes a change atomic for the requests being answered."""

    @wraps(method)
    def run(self: "Mutations", /, *args: Any, **kwargs: Any) -> Any:
        with self.organisation.lock:
            return method(self, *args, **kwargs)

    return cast(M, run)


def oid(*parts: Any) -> str:
    """Returns a commit id made of what names it."""
    return hashlib.sha1("/".join(map(str, parts)).encode(), usedforsecurity=False).hexdigest()


class Mutations:
    """Every change takes `at`, the time it happens; the organisation's own clock is the default and moves on."""

    def __init__(self, organisation: Organisation) -> None:
        self.organisation = organisation

    def _event(
        self, pull_request: PullRequest, kind: str, actor: Account | None, at: str | None, **details: Any
    ) -> Event:
        at = self._touch(pull_request, at)
        event = self.organisation.create(
            Event, pull_request=pull_request, kind=kind, actor=actor, created_at=at, details=details
        )
        pull_request.events.append(event)
        return event

    def _touch(self, pull_request: PullRequest, at: str | None) -> str:
        at = at or self.organisation.tick()
        pull_request.updated_at = max(pull_request.updated_at, at)
        repository = pull_request.repository
        repository.updated_at = max(repository.updated_at, at)
        return at

    # pull requests

    @_locked
    def open(
        self,
        repository: Repository,
        *,
        title: str,
        author: Account | None,
        body: str = "",
        files: Iterable[File] = (),
        is_draft: bool = False,
        head_repository: Repository | None = None,
        head_ref_name: str | None = None,
        association: str = "MEMBER",
        is_from_deleted_fork: bool = False,
        at: str | None = None,
    ) -> PullRequest:
        """Opens a pull request with one commit."""
        at = at or self.organisation.tick()
        repository.last_number += 1
        number = repository.last_number
        pull_request = self.organisation.create(
            PullRequest,
            repository=repository,
            number=number,
            title=title,
            body=body,
            author=author,
            author_association=association,
            created_at=at,
            updated_at=at,
            base_ref_name=repository.default_branch,
            base_ref_oid=oid(repository.database_id, number, "base"),
            head_ref_name=head_ref_name or f"change-{number}",
            head_ref_oid=oid(repository.database_id, number, "base"),
            head_repository=None if is_from_deleted_fork else head_repository or repository,
            is_draft=is_draft,
        )
        pull_request.files = sorted(files, key=lambda file: file.path)
        repository.pull_requests[number] = pull_request
        self.push(pull_request, title, author, at=at)
        return pull_request

    @_locked
    def edit(self, pull_request: PullRequest, *, at: str | None = None, **fields: Any) -> None:
        """Sets fields, by the model's names; a new title leaves its event."""
        title = fields.get("title", pull_request.title)
        if title != pull_request.title:
            names = {"previousTitle": pull_request.title, "currentTitle": title}
            at = self._event(pull_request, "RenamedTitleEvent", pull_request.author, at, **names).created_at
        at = self._touch(pull_request, at)
        if "body" in fields:
            pull_request.last_edited_at = at
        for name, value in fields.items():
            setattr(pull_request, name, value)

    @_locked
    def merge(self, pull_request: PullRequest, actor: Account | None, at: str | None = None) -> None:
        """Merges, which also closes."""
        at = self._touch(pull_request, at)
        person = self._git_actor(actor, at)
        message = f"{pull_request.title} (#{pull_request.number})"
        commit = self.organisation.create(
            Commit,
            repository=pull_request.repository,
            oid=oid(pull_request.id, "merge"),
            message=message,
            author=person,
            committer=person,
            parents=(pull_request.base_ref_oid, pull_request.head_ref_oid),
        )
        pull_request.state, pull_request.merged_at, pull_request.closed_at = "MERGED", at, at
        pull_request.merged_by, pull_request.merge_commit = actor, commit
        for issue in pull_request.closing_issues:
            issue.state, issue.closed_at = "CLOSED", at
        self._event(pull_request, "MergedEvent", actor, at, commit=commit)
        self._event(pull_request, "ClosedEvent", actor, at)

    @_locked
    def close(self, pull_request: PullRequest, actor: Account | None, at: str | None = None) -> None:
        """Closes without merging."""
        pull_request.state = "CLOSED"
        pull_request.closed_at = self._event(pull_request, "ClosedEvent", actor, at).created_at

    @_locked
    def reopen(self, pull_request: PullRequest, actor: Account | None, at: str | None = None) -> None:
        """Opens a closed pull request again."""
        pull_request.state, pull_request.closed_at = "OPEN", None
        self._event(pull_request, "ReopenedEvent", actor, at)

    @_locked
    def mark_ready(self, pull_request: PullRequest, at: str | None = None) -> None:
        """Ends a draft."""
        pull_request.is_draft = False
        self._event(pull_request, "ReadyForReviewEvent", pull_request.author, at)

    @_locked
    def convert_to_draft(self, pull_request: PullRequest, at: str | None = None) -> None:
        """Makes it a draft again."""
        pull_request.is_draft = True
        self._event(pull_request, "ConvertToDraftEvent", pull_request.author, at)

    @_locked
    def delete(self, pull_request: PullRequest) -> None:
        """Deletes it with everything on it, as GitHub's support does on request."""
        del pull_request.repository.pull_requests[pull_request.number]
        self.organisation.forget([pull_request, *pull_request.descendants()])

    @_locked
    def set_files(self, pull_request: PullRequest, files: Iterable[File], at: str | None = None) -> None:
        """Replaces the changed files, as a push does."""
        pull_request.files = sorted(files, key=lambda file: file.path)
        self._touch(pull_request, at)

    # commits

    def _git_actor(self, account: Account | None, at: str, email: str | None = None) -> GitActor:
        if account is None:
            return GitActor(name="Somebody Gone", email="gone@example.org", date=at, account=None)
        address = email or f"{account.database_id}+{account.login}@users.noreply.github.com"
        return GitActor(name=account.name or account.login, email=address, date=at, account=account)

    @_locked
    def push(
        self,
        pull_request: PullRequest,
        message: str,
        author: Account | None,
        *,
        authored_at: str | None = None,
        parents: tuple[str, ...] = (),
        at: str | None = None,
    ) -> PullRequestCommit:
        """Adds a commit."""
        at = self._touch(pull_request, at)
        commit = self.organisation.create(
            Commit,
            repository=pull_request.head_repository or pull_request.repository,
            oid=oid(pull_request.id, pull_request.head_ref_oid, message, at),
            message=message,
            author=self._git_actor(author, authored_at or at),
            committer=self._git_actor(author, at),
            parents=parents or (pull_request.head_ref_oid,),
        )
        row = self.organisation.create(PullRequestCommit, pull_request=pull_request, commit=commit)
        pull_request.commits.append(row)
        pull_request.head_ref_oid = commit.oid
        pull_request.repository.pushed_at = max(pull_request.repository.pushed_at, at)
        return row

    @_locked
    def force_push(
        self, pull_request: PullRequest, messages: Iterable[str], author: Account | None, at: str | None = None
    ) -> None:
        """Replaces all commits."""
        at = self._touch(pull_request, at)
        before = pull_request.commits[-1].commit if pull_request.commits else None
        self.organisation.forget(pull_request.commits)
        pull_request.commits = []
        pull_request.head_ref_oid = pull_request.base_ref_oid
        for message in messages:
            self.push(pull_request, message, author, at=at)
        after = pull_request.commits[-1].commit if pull_request.commits else None
        self._event(pull_request, "HeadRefForcePushedEvent", author, at, beforeCommit=before, afterCommit=after)

    # what people say

    @_locked
    def comment(
        self,
        pull_request: PullRequest,
        author: Account | None,
        body: str,
        *,
        association: str = "MEMBER",
        at: str | None = None,
    ) -> IssueComment:
        """Adds a comment to the conversation."""
        at = self._touch(pull_request, at)
        comment = self.organisation.create(
            IssueComment,
            pull_request=pull_request,
            author=author,
            author_association=association,
            body=body,
            created_at=at,
            updated_at=at,
        )
        pull_request.comments.append(comment)
        return comment

    @_locked
    def review(
        self,
        pull_request: PullRequest,
        author: Account | None,
        state: str,
        body: str = "",
        *,
        association: str = "MEMBER",
        at: str | None = None,
    ) -> PullRequestReview:
        """Submits a review."""
        at = self._touch(pull_request, at)
        review = self.organisation.create(
            PullRequestReview,
            pull_request=pull_request,
            author=author,
            author_association=association,
            body=body,
            created_at=at,
            updated_at=at,
            state=state,
            commit=pull_request.commits[-1].commit if pull_request.commits else None,
            submitted_at=None if state == "PENDING" else at,
        )
        pull_request.reviews.append(review)
        decisions = [row.state for row in pull_request.reviews if row.state in ("APPROVED", "CHANGES_REQUESTED")]
        pull_request.review_decision = decisions[-1] if decisions else pull_request.review_decision
        answered = [row for row in pull_request.review_requests if row.reviewer is author]
        self.organisation.forget(answered)
        pull_request.review_requests = [row for row in pull_request.review_requests if row not in answered]
        return review

    @_locked
    def start_thread(
        self, review: PullRequestReview, path: str, line: int | None, body: str, at: str | None = None
    ) -> PullRequestReviewThread:
        """Opens a thread on a line, or on the whole file if `line` is None."""
        thread = self.organisation.create(
            PullRequestReviewThread,
            pull_request=review.pull_request,
            path=path,
            line=line,
            start_line=None,
            original_line=line,
            subject_type="FILE" if line is None else "LINE",
        )
        review.pull_request.review_threads.append(thread)
        self.reply(thread, review, review.author, body, at=at or review.created_at)
        return thread

    @_locked
    def reply(
        self,
        thread: PullRequestReviewThread,
        review: PullRequestReview,
        author: Account | None,
        body: str,
        at: str | None = None,
    ) -> PullRequestReviewComment:
        """Adds a comment to a thread."""
        at = self._touch(thread.pull_request, at)
        comment = self.organisation.create(
            PullRequestReviewComment,
            pull_request=thread.pull_request,
            author=author,
            author_association=review.author_association,
            body=body,
            created_at=at,
            updated_at=at,
            review=review,
            thread=thread,
            reply_to=thread.comments[0] if thread.comments else None,
        )
        thread.comments.append(comment)
        review.comments.append(comment)
        return comment

    @_locked
    def resolve(self, thread: PullRequestReviewThread, actor: Account | None, is_resolved: bool = True) -> None:
        """Resolves a thread; GitHub leaves `updatedAt` as it is."""
        thread.is_resolved = is_resolved
        thread.resolved_by = actor if is_resolved else None

    @_locked
    def edit_text(
        self,
        written: IssueComment | PullRequestReview | PullRequestReviewComment,
        body: str,
        at: str | None = None,
    ) -> None:
        """Changes the text of a comment or review."""
        at = self._touch(written.pull_request, at)
        written.body, written.updated_at, written.last_edited_at = body, at, at

    @_locked
    def delete_comment(self, comment: IssueComment | PullRequestReviewComment, at: str | None = None) -> None:
        """Deletes a comment; a thread goes with its last one."""
        pull_request = comment.pull_request
        if isinstance(comment, IssueComment):
            pull_request.comments.remove(comment)
        else:
            comment.thread.comments.remove(comment)
            comment.review.comments.remove(comment)
            if not comment.thread.comments:
                pull_request.review_threads.remove(comment.thread)
                self.organisation.forget([comment.thread])
        self.organisation.forget([comment])
        self._touch(pull_request, at)

    @_locked
    def dismiss(self, review: PullRequestReview, at: str | None = None) -> None:
        """Dismisses a review."""
        review.state = "DISMISSED"
        review.updated_at = self._touch(review.pull_request, at)

    @_locked
    def request_review(
        self,
        pull_request: PullRequest,
        reviewer: Account | Team,
        *,
        as_code_owner: bool = False,
        at: str | None = None,
    ) -> ReviewRequest:
        """Asks a person or a team for a review."""
        actor = pull_request.author
        self._event(pull_request, "ReviewRequestedEvent", actor, at, requestedReviewer=reviewer)
        request = self.organisation.create(
            ReviewRequest, pull_request=pull_request, reviewer=reviewer, as_code_owner=as_code_owner
        )
        pull_request.review_requests.append(request)
        return request

    # labels and people

    @_locked
    def create_label(
        self, repository: Repository, name: str, color: str = "ededed", description: str | None = None
    ) -> Label:
        """Adds a label to a repository; the one that is there if there is one."""
        if name not in repository.labels:
            repository.labels[name] = self.organisation.create(
                Label,
                repository=repository,
                name=name,
                color=color,
                description=description,
                created_at=repository.created_at,
            )
        return repository.labels[name]

    @_locked
    def add_label(self, pull_request: PullRequest, name: str, at: str | None = None) -> None:
        """Labels a pull request."""
        label = self.create_label(pull_request.repository, name)
        if label not in pull_request.labels:
            pull_request.labels.append(label)
            self._event(pull_request, "LabeledEvent", pull_request.author, at, label=label)

    @_locked
    def remove_label(self, pull_request: PullRequest, name: str, at: str | None = None) -> None:
        """Takes a label off a pull request."""
        label = pull_request.repository.labels[name]
        pull_request.labels.remove(label)
        self._event(pull_request, "UnlabeledEvent", pull_request.author, at, label=label)

    @_locked
    def rename_label(self, repository: Repository, name: str, to: str) -> None:
        """Renames a label; no pull request's `updatedAt` moves."""
        label = repository.labels.pop(name)
        label.name = to
        repository.labels[to] = label

    @_locked
    def assign(self, pull_request: PullRequest, account: Account, at: str | None = None) -> None:
        """Assigns somebody."""
        pull_request.assignees.append(account)
        self._touch(pull_request, at)

    @_locked
    def link_issue(
        self,
        pull_request: PullRequest,
        repository: Repository,
        title: str,
        author: Account | None,
        at: str | None = None,
    ) -> Issue:
        """Opens an issue that the pull request will close."""
        at = self._touch(pull_request, at)
        repository.last_number += 1
        issue = self.organisation.create(
            Issue,
            repository=repository,
            number=repository.last_number,
            title=title,
            author=author,
            state="OPEN",
            created_at=at,
            closed_at=None,
        )
        repository.issues[issue.number] = issue
        pull_request.closing_issues.append(issue)
        return issue

    @_locked
    def rename_account(self, account: Account, login: str) -> None:
        """Renames an account; its id stays, nothing else moves."""
        account.login = login

    @_locked
    def delete_account(self, account: Account) -> None:
        """Deletes an account: GitHub answers null for it from now on, everywhere."""
        account.is_deleted = True

    # repositories

    @_locked
    def create_repository(
        self, name: str, *, owner: Account | None = None, at: str | None = None, **fields: Any
    ) -> Repository:
        """Adds an empty repository."""
        at = at or self.organisation.tick()
        owner = owner or self.organisation.account
        times = {"created_at": at, "updated_at": at, "pushed_at": at}
        return self.organisation.create(Repository, owner=owner, name=name, **(times | fields))

    @_locked
    def rename_repository(self, repository: Repository, name: str, owner: Account | None = None) -> None:
        """Renames or transfers a repository; its old name goes on answering."""
        self.organisation.remember_name(repository)
        repository.name = name
        repository.owner = owner or repository.owner

    @_locked
    def hide_repository(self, repository: Repository, is_readable: bool = False) -> None:
        """Takes the permission to read a repository away, or gives it back."""
        repository.is_readable = is_readable

    @_locked
    def delete_repository(self, repository: Repository) -> None:
        """Deletes a repository with everything in it."""
        for pull_request in list(repository.pull_requests.values()):
            self.delete(pull_request)
        self.organisation.forget([repository])

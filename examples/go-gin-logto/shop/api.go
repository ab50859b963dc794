package shop

import (
	"net/http"

	"github.com/gin-contrib/sessions"
	"github.com/gin-gonic/gin"
)

// things asks the API in the customer's name.
func (s shop) things(c *gin.Context) {
	token, err := s.gate(c).ResourceToken(s.settings.Resource)
	s.passOn(c, token, err)
}

// members asks it with a token of an organization.
func (s shop) members(c *gin.Context) {
	token, err := s.gate(c).OrganizationToken(c.Param("id"))
	s.passOn(c, token, err)
}

// passOn answers what the API answers, once the session has the tokens that the SDK was given.
func (s shop) passOn(c *gin.Context, token string, err error) {
	if err != nil {
		c.JSON(http.StatusForbidden, gin.H{"error": err.Error()})
		return
	}
	if err := sessions.Default(c).Save(); err != nil {
		c.String(http.StatusInternalServerError, err.Error())
		return
	}
	request, err := http.NewRequestWithContext(c, http.MethodGet, s.settings.API+c.Request.URL.Path, nil)
	if err != nil {
		c.String(http.StatusInternalServerError, err.Error())
		return
	}
	request.Header.Set("Authorization", "Bearer "+token)
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		c.String(http.StatusBadGateway, err.Error())
		return
	}
	defer answer.Body.Close()
	c.DataFromReader(answer.StatusCode, answer.ContentLength, "application/json", answer.Body, nil)
}
